//! The scheduler: a set of reconcilers. A tick of a reconciler reads state, does a bounded amount of work and returns when
//! the next tick is due. Ticks are safe to repeat and to run on several replicas at once.
//!
//! | reconciler | reads | does |
//! | --- | --- | --- |
//! | `waits`, one per shard | due waits, claims of dead workers | makes due waits inputs, makes the claimed activeflows ready |
//! | `workers` | the member list | sends heartbeats, detects dead members, removes them after every shard was swept |
//! | `windows` | transitions of the routes' windows | records each once and publishes it at least once, also those that passed during downtime |
//! | `depth` | depth of the shards | sets gauges |

mod config;
mod depth;
mod metrics;
mod pending_sweeps;
mod ports;
mod reconciler;
mod shared;
mod waits;
mod windows;
mod workers;

pub use config::Config;
pub use ports::Ports;

use common::member::MemberId;
use depth::Depths;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use reconciler::{forward_wakeups, reconcile};
use shared::Shared;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use waits::Waits;
use windows::Windows;
use workers::Workers;

/// Runs a scheduler until `shutdown`. It claims nothing, so it stops at once: the next tick, on any replica, completes the
/// work of an interrupted one.
pub async fn run(ports: Ports, config: Config, shutdown: CancellationToken) {
    metrics::describe();
    let id = MemberId::draw(&*ports.clock);
    let shared = Shared::new(config.shards);
    let (ports, never, outage) = (&ports, &Notify::new(), &shared.outage);
    let workers = Workers::new(id, &config, &shared);
    let mut reconcilers: Vec<BoxFuture<'_, ()>> = vec![
        reconcile(ports, workers, config.heartbeat_interval, never, outage).boxed(),
        reconcile(ports, Windows::new(&shared), config.windows_interval, never, outage).boxed(),
        reconcile(ports, Depths::new(config.shards), config.depth_interval, never, outage).boxed(),
        forward_wakeups(ports, &shared.wakeups).boxed(),
    ];
    for (shard, wakeup) in &shared.wakeups {
        let waits = Waits::new(*shard, &shared);
        reconcilers.push(reconcile(ports, waits, config.poll_interval, wakeup, outage).boxed());
    }
    tracing::info!(member_id = %id, shards = config.shards, "Scheduler started");
    shutdown.run_until_cancelled(join_all(reconcilers)).await;
    if let Err(error) = ports.members.leave(id).await {
        tracing::debug!(member_id = %id, %error, "Could not leave the member list; the lease will expire");
    }
    tracing::info!(member_id = %id, "Scheduler stopped");
}
