//! The dispatcher: takes events from the bus, finds out whom each is for, and stores its effect before it is
//! acknowledged.
//!
//! ```text
//! bus ─► read ─► key of its reference ─► address ─► (gate) ─► Intake::deliver ─► acknowledged
//!                one at a time             │ nobody could use it
//!                                          └────────► rejected queue ───────────► acknowledged
//! ```
//!
//! It promises: one `deliver` in flight per reference, also across sessions of the consumer; an unknown outcome is tried
//! again before anything later of that reference; only the contiguous prefix of what is stored is acknowledged.

mod acks;
mod address;
mod apply;
mod consumer;
#[cfg(test)]
mod fakes;
mod gate;
mod handled_suspects;
mod key_queues;
pub mod metrics;
mod reject;
mod source;
mod view;

pub use address::read;
pub use apply::{EventOutcome, apply, apply_alone};
pub use view::View;

use common::heartbeat::Heartbeat;
use common::member::{MemberId, Role};
use common::ports::{Bus, Catalogue, Clock, Intake, Members, Upkeep};
use consumer::Consumer;
use gate::Gate;
use handled_suspects::HandledSuspects;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub struct Ports {
    pub bus: Arc<dyn Bus>,
    pub intake: Arc<dyn Intake>,
    pub catalogue: Arc<dyn Catalogue>,
    pub members: Arc<dyn Members>,
    pub upkeep: Arc<dyn Upkeep>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where this process runs, for people: `host:pid`.
    pub instance: String,
    /// The realm of each broker user; others belong to [`common::address::DEFAULT_REALM`].
    pub realms: BTreeMap<String, String>,
    /// How many events are held at once, waiting for their turn or for the store.
    pub max_in_flight: usize,
    /// With more ready activeflows than this, a shard takes no event that would start one …
    pub backlog_high: u64,
    /// … until it has no more than this.
    pub backlog_low: u64,
    /// How often it beats and looks for new definitions.
    pub heartbeat_interval: Duration,
    /// How long what is held may take after a shutdown was asked for.
    pub shutdown_grace: Duration,
}

/// What the handling of every event shares.
pub struct Dispatcher {
    pub ports: Ports,
    pub config: Config,
    pub view: View,
    gate: Gate,
    handled_suspects: HandledSuspects,
}

impl Dispatcher {
    pub fn new(ports: Ports, config: Config) -> Dispatcher {
        let view = View::new(ports.catalogue.clone(), ports.clock.clone());
        let gate = Gate::new(config.backlog_high, config.backlog_low);
        Dispatcher { ports, config, view, gate, handled_suspects: HandledSuspects::default() }
    }
}

/// Runs a dispatcher until `shutdown`, and then as long as what it holds needs, at most `config.shutdown_grace`.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let id = MemberId::draw(&*ports.clock);
    let dispatcher = Dispatcher::new(ports, config);
    let handle = async {
        if shutdown.run_until_cancelled(dispatcher.view.load()).await.is_some() {
            tracing::info!(member_id = %id, generation = dispatcher.view.generation(), "Dispatcher takes events");
            Consumer::new(&dispatcher).serve(&shutdown).await;
        }
    };
    tokio::select! {
        biased;
        () = handle => {}
        () = keep_current(&dispatcher, id) => {}
    }
    if let Err(error) = dispatcher.ports.members.leave(id).await {
        tracing::debug!(member_id = %id, %error, "Could not leave the member list; it forgets by itself");
    }
    tracing::info!(member_id = %id, "Dispatcher has stopped");
}

/// Beats and follows what is deployed; never returns.
async fn keep_current(dispatcher: &Dispatcher, id: MemberId) {
    let Dispatcher { ports, config, view, .. } = dispatcher;
    let mut heartbeat = Heartbeat::new(id, Role::Dispatcher, &config.instance);
    loop {
        if let Err(error) = view.refresh().await {
            tracing::debug!(%error, "Could not look for new definitions");
        }
        heartbeat.heartbeat(&*ports.members, view.generation(), &[]).await;
        ports.clock.sleep(config.heartbeat_interval).await;
    }
}
