//! The scheduler: a table of reconcilers. Each is a tick that looks at state, does a bounded amount, is safe to repeat
//! and to run on several replicas at once, and says when it wants to look again.
//!
//! | reconciler | looks at | does |
//! | --- | --- | --- |
//! | [`waits`], one for each shard | waits that are due, what dead workers held | makes them inputs, makes it ready |
//! | [`workers`] | the roll | beats, judges death, strikes who was swept everywhere |
//! | [`windows`] | edges of routes' windows | records and publishes each once, also those that passed during downtime |
//! | [`depth`] | how full the shards are | gauges |

pub mod depth;
mod driver;
pub mod metrics;
pub mod waits;
pub mod windows;
pub mod workers;

use common::Shard;
use common::member::MemberId;
use common::ports::upkeep::Upkeep;
use common::ports::{Bus, Catalogue, Clock, Members};
use driver::{drive, ring};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
pub struct Ports {
    pub upkeep: Arc<dyn Upkeep>,
    pub members: Arc<dyn Members>,
    pub catalogue: Arc<dyn Catalogue>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where this process runs, for people: `host:pid`.
    pub place: String,
    /// As the store was installed with.
    pub shards: u16,
    /// Who has not beaten for so long is dead.
    pub lease: Duration,
    /// How often it beats.
    pub beat: Duration,
    /// How often every shard is looked at, rung or not.
    pub look: Duration,
    /// How often windows are looked at.
    pub windows: Duration,
    /// How often the depth of the shards is measured.
    pub depth: Duration,
}

/// What the reconcilers tell one another.
pub struct Shared {
    /// The generation of the definitions that this scheduler has loaded.
    pub generation: AtomicU64,
    pub mourned: workers::Mourned,
    /// One for each shard: look at it now.
    pub bells: BTreeMap<Shard, Notify>,
    /// The store did not answer the last reconciler that asked it.
    pub outage: AtomicBool,
}

impl Shared {
    pub fn new(shards: u16) -> Shared {
        let bells = (0..shards).map(|shard| (Shard(shard), Notify::new())).collect();
        Shared {
            generation: AtomicU64::new(0),
            mourned: workers::Mourned::default(),
            bells,
            outage: AtomicBool::default(),
        }
    }

    fn ring_all(&self) {
        self.bells.values().for_each(Notify::notify_one);
    }
}

/// Runs a scheduler until `shutdown`. It holds nothing: what a tick had begun is done by the next one, anywhere.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let id = MemberId::draw(&*ports.clock);
    let shared = Shared::new(config.shards);
    let silent = Notify::new();
    let mut table: Vec<BoxFuture<'_, ()>> = vec![
        drive(&ports, workers::Workers::new(id, &config, &shared), config.beat, &silent, &shared.outage)
            .boxed(),
        drive(&ports, windows::Windows::new(&shared), config.windows, &silent, &shared.outage).boxed(),
        drive(&ports, depth::Depths::new(config.shards), config.depth, &silent, &shared.outage).boxed(),
        ring(&ports, &shared).boxed(),
    ];
    for (shard, bell) in &shared.bells {
        table.push(
            drive(&ports, waits::Waits::new(*shard, &shared), config.look, bell, &shared.outage).boxed(),
        );
    }
    tracing::info!(member_id = %id, shards = config.shards, "Scheduler looks after waits, workers and windows");
    shutdown.run_until_cancelled(join_all(table)).await;
    if let Err(error) = ports.members.leave(id).await {
        tracing::debug!(member_id = %id, %error, "Could not leave the roll; it forgets by itself");
    }
    tracing::info!(member_id = %id, "Scheduler has stopped");
}
