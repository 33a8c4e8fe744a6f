//! A Signalbox in this process: roles over one world, until it is told to stop. `serve`, single roles, `demo` and `bench`
//! all run this.

mod roles;

use crate::commands::migrate::migrate;
use crate::config::Config;
use crate::failure::Failure;
use crate::services::world::{self, World};
use common::member::Role;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What `serve` runs.
pub const ALL: [Role; 3] = [Role::Dispatcher, Role::Executor, Role::Scheduler];

/// What runs. When this is dropped the roles are aborted; [`Host::ended`] waits for them.
pub struct Host {
    pub world: Arc<World>,
    running: JoinSet<()>,
    shutdown: CancellationToken,
}

/// The whole `serve`: creates what is needed, opens what is configured, and starts every role.
///
/// # Errors
/// A service cannot be used.
pub async fn serve(config: &Config, shutdown: CancellationToken) -> Result<Host, Failure> {
    for done in migrate(config).await? {
        tracing::info!("migrate: {done}");
    }
    let world = world::open(config, &names(&ALL)).await?;
    Ok(start(world, config, &ALL, shutdown))
}

/// Starts `roles` over `world`; they stop when `shutdown` is cancelled.
pub fn start(world: World, config: &Config, roles: &[Role], shutdown: CancellationToken) -> Host {
    if roles.contains(&Role::Scheduler) {
        world.watch_queues(config);
    }
    let mut running = JoinSet::new();
    for role in roles {
        roles::spawn(*role, &world, config, &shutdown, &mut running);
    }
    Host { world: Arc::new(world), running, shutdown }
}

impl Host {
    /// Waits until every role has stopped, and closes the world. A role that stops by itself, or panics, stops the
    /// others.
    ///
    /// # Errors
    /// A role stopped without having been told to.
    pub async fn ended(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while let Some(ended) = self.running.join_next().await {
            if let Err(error) = ended {
                outcome = Err(Failure::failed(format!(
                    "a role stopped by a fault of its own ({error}); the process ends, start it again"
                )));
            } else if !self.shutdown.is_cancelled() {
                outcome = Err(Failure::failed("a role stopped by itself; the process ends, start it again"));
            }
            self.shutdown.cancel();
        }
        self.world.close().await;
        outcome
    }
}

/// For people: `dispatcher, executor`.
pub fn names(roles: &[Role]) -> String {
    roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
