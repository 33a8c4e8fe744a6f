//! Live streams: changes of activeflows, and commands for gateways without AMQP.
//!
//! ```text
//! feeds of the shards ─► broadcast.rs: one task while streams are open ─► changes.rs: each client's filter and offset
//!                          └ feed.rs: read, look up, render once           └ sse.rs: the response
//! queue of commands ──────────────────────────────────────────────────► commands.rs
//! ```
//! An event's id contains the client's offset in every feed (`offset.rs`), so any API process can resume the stream.

mod broadcast;
mod changes;
mod commands;
mod feed;
mod offset;
mod sse;
mod stream_limiter;

use crate::auth::Caller;
use crate::problem::Problem;
use crate::state::Api;
use axum::http::StatusCode;
use broadcast::Broadcaster;
use std::sync::Arc;
use stream_limiter::{PER_KEY, StreamLimiter, StreamPermit};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The state that all streams share.
#[derive(Default)]
pub struct Streams {
    broadcaster: Broadcaster,
    limiter: StreamLimiter,
}

impl Streams {
    fn permit(&self, caller: &Caller) -> Result<StreamPermit, Problem> {
        self.limiter.take(caller.key).ok_or_else(|| {
            let detail =
                format!("this key already has {PER_KEY} open streams, which is the limit; close one of them");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail).retry_after(1)
        })
    }
}

pub fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(changes::follow_activeflows))
        .routes(routes!(commands::take_commands, commands::remove_command_queue))
        .routes(routes!(commands::acknowledge_commands))
}
