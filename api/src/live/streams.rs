//! The state that all streams share.

use super::broadcast::{Broadcast, Broadcaster};
use super::offset::FeedOffsets;
use super::stream_limiter::{PER_KEY, StreamLimiter, StreamPermit};
use crate::api::Api;
use crate::auth::Caller;
use crate::problem::Problem;
use axum::http::StatusCode;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;

#[derive(Default)]
pub struct Streams {
    broadcaster: Arc<Broadcaster>,
    limiter: StreamLimiter,
}

impl Streams {
    /// Permits one more stream.
    ///
    /// # Errors
    /// 429 if the caller's key already has [`PER_KEY`] open streams.
    pub fn permit(&self, caller: &Caller) -> Result<StreamPermit, Problem> {
        self.limiter.take(caller.key).ok_or_else(|| {
            let detail =
                format!("this key already has {PER_KEY} open streams, which is the limit; close one of them");
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail).retry_after(1)
        })
    }

    /// Subscribes to every change after the returned offsets.
    ///
    /// # Errors
    /// As [`Api::ask`].
    pub async fn subscribe(&self, api: &Arc<Api>) -> Result<(Receiver<Broadcast>, FeedOffsets), Problem> {
        self.broadcaster.subscribe(api).await
    }
}
