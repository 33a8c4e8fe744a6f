//! The dispatcher: takes events from the bus, finds the activeflow or the route of each, and stores its effect before it
//! acknowledges the event.
//!
//! ```text
//! bus ─► read ─► queue of its reference ─► address ─► (backlog gate) ─► Intake::deliver ─► acknowledge
//!                one event at a time         │ unusable event
//!                                            └─────────► rejected queue ─────────────────► acknowledge
//! ```
//!
//! Guarantees: at most one `deliver` is in flight per reference, also across consumer sessions. When the outcome of a
//! `deliver` is unknown, it is repeated before any later event of that reference. Only the contiguous prefix of the stored
//! events is acknowledged.

mod acks;
mod apply;
mod backlog_gate;
mod config;
mod consumer;
mod definitions_cache;
mod dispatcher;
#[cfg(test)]
mod fakes;
mod handled_suspects;
mod key_queues;
mod metrics;
mod ports;
mod read;
mod realms;
mod reject;
mod source;

pub use config::Config;
pub use ports::Ports;
pub use realms::Realms;

use common::heartbeat::Heartbeat;
use common::member::{MemberId, Role};
use consumer::Consumer;
use dispatcher::Dispatcher;
use tokio_util::sync::CancellationToken;

/// Runs a dispatcher until `shutdown`. Then finishes the events in flight, for at most `config.shutdown_grace`.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let id = MemberId::draw(&*ports.clock);
    let dispatcher = Dispatcher::new(ports, config);
    let consume = async {
        if shutdown.run_until_cancelled(dispatcher.definitions.load()).await.is_some() {
            let generation = dispatcher.definitions.generation();
            tracing::info!(member_id = %id, generation, "Dispatcher started");
            Consumer::new(&dispatcher).serve(&shutdown).await;
        }
    };
    tokio::select! {
        biased;
        () = consume => {}
        () = keep_current(&dispatcher, id) => {}
    }
    if let Err(error) = dispatcher.ports.members.leave(id).await {
        tracing::debug!(member_id = %id, %error, "Could not leave the member list; the lease will expire");
    }
    tracing::info!(member_id = %id, "Dispatcher stopped");
}

/// Sends heartbeats and loads new definitions; never returns.
async fn keep_current(dispatcher: &Dispatcher, id: MemberId) {
    let Dispatcher { ports, config, definitions, .. } = dispatcher;
    let mut heartbeat = Heartbeat::new(id, Role::Dispatcher, &config.instance);
    loop {
        if let Err(error) = definitions.refresh().await {
            tracing::debug!(%error, "Could not check for new definitions");
        }
        heartbeat.set_consuming(*dispatcher.consuming.borrow());
        heartbeat.heartbeat(&*ports.members, definitions.generation(), &[]).await;
        ports.clock.sleep(config.heartbeat_interval).await;
    }
}
