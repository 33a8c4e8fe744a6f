//! The scheduler: a table of reconcilers. Each is a tick that looks at state, does a bounded amount, is safe to repeat
//! and to run on several replicas at once, and says when it wants to look again.
//!
//! | reconciler | looks at | does |
//! | --- | --- | --- |
//! | [`waits`], one for each shard | waits that are due, what dead workers held | makes them inputs, makes it ready |
//! | [`workers`] | the member list | beats, judges death, strikes who was swept everywhere |
//! | [`windows`] | transitions of routes' windows | records and publishes each once, also those that passed during downtime |
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
use driver::{drive, forward_wakeups};
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
    pub instance: String,
    /// As the store was installed with.
    pub shards: u16,
    /// Who has not beaten for so long is dead.
    pub lease: Duration,
    /// How often it beats.
    pub heartbeat_interval: Duration,
    /// How often every shard is looked at, rung or not.
    pub poll_interval: Duration,
    /// How often windows are looked at.
    pub windows_interval: Duration,
    /// How often the depth of the shards is measured.
    pub depth_interval: Duration,
}

/// What the reconcilers tell one another.
pub struct Shared {
    /// The generation of the definitions that this scheduler has loaded.
    pub generation: AtomicU64,
    pub pending_sweeps: workers::PendingSweeps,
    /// One for each shard: look at it now.
    pub wakeups: BTreeMap<Shard, Notify>,
    /// The store did not answer the last reconciler that asked it.
    pub outage: AtomicBool,
}

impl Shared {
    pub fn new(shards: u16) -> Shared {
        let wakeups = (0..shards).map(|shard| (Shard(shard), Notify::new())).collect();
        Shared {
            generation: AtomicU64::new(0),
            pending_sweeps: workers::PendingSweeps::default(),
            wakeups,
            outage: AtomicBool::default(),
        }
    }

    fn notify_all(&self) {
        self.wakeups.values().for_each(Notify::notify_one);
    }
}

/// Runs a scheduler until `shutdown`. It holds nothing: what a tick had begun is done by the next one, anywhere.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let id = MemberId::draw(&*ports.clock);
    let shared = Shared::new(config.shards);
    let silent = Notify::new();
    let mut table: Vec<BoxFuture<'_, ()>> = vec![
        drive(
            &ports,
            workers::Workers::new(id, &config, &shared),
            config.heartbeat_interval,
            &silent,
            &shared.outage,
        )
        .boxed(),
        drive(&ports, windows::Windows::new(&shared), config.windows_interval, &silent, &shared.outage)
            .boxed(),
        drive(&ports, depth::Depths::new(config.shards), config.depth_interval, &silent, &shared.outage)
            .boxed(),
        forward_wakeups(&ports, &shared).boxed(),
    ];
    for (shard, wakeup) in &shared.wakeups {
        table.push(
            drive(&ports, waits::Waits::new(*shard, &shared), config.poll_interval, wakeup, &shared.outage)
                .boxed(),
        );
    }
    tracing::info!(member_id = %id, shards = config.shards, "Scheduler looks after waits, workers and windows");
    shutdown.run_until_cancelled(join_all(table)).await;
    if let Err(error) = ports.members.leave(id).await {
        tracing::debug!(member_id = %id, %error, "Could not leave the member list; it forgets by itself");
    }
    tracing::info!(member_id = %id, "Scheduler has stopped");
}
