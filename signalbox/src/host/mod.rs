//! A Signalbox in this process: roles and REST over one backends, until it is told to stop. `serve`, single roles, `demo`
//! and `bench` all run this.

mod rest;
pub mod roles;

pub use rest::Rest;

use crate::config::Config;
use crate::failure::Failure;
use crate::services::backends::{self, Backends};
use crate::services::external;
use common::member::Role;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What `serve` runs.
pub const ALL: [Role; 3] = [Role::Dispatcher, Role::Executor, Role::Scheduler];

/// What runs. When this is dropped everything is aborted; [`Host::ended`] waits for it.
pub struct Host {
    pub backends: Arc<Backends>,
    /// `None` where REST is not served.
    pub rest: Option<Rest>,
    running: JoinSet<()>,
    shutdown: CancellationToken,
}

/// The whole `serve`: [`open`] and [`start`] with every role.
///
/// # Errors
/// As [`open`].
pub async fn serve(config: &Config, shutdown: CancellationToken) -> Result<Host, Failure> {
    let (backends, rest) = open(config, &shutdown).await?;
    Ok(start(backends, rest, config, &ALL, shutdown))
}

/// Creates what is needed, opens what is configured, and takes the address of REST.
///
/// # Errors
/// A service cannot be used, another process has the data folder, or api.listen cannot be taken.
pub async fn open(
    config: &Config,
    shutdown: &CancellationToken,
) -> Result<(Backends, Option<Rest>), Failure> {
    for done in external::migrate(config).await? {
        tracing::info!("migrate: {done}");
    }
    let backends = backends::open(config, &names(&ALL)).await?;
    let rest = Rest::open(&backends, config, shutdown).await?;
    Ok((backends, rest))
}

/// Starts `roles`, and `rest` where there is one, over `backends`; they stop when `shutdown` is cancelled.
pub fn start(
    backends: Backends,
    mut rest: Option<Rest>,
    config: &Config,
    roles: &[Role],
    shutdown: CancellationToken,
) -> Host {
    if roles.contains(&Role::Scheduler) {
        backends.watch_queues(config);
    }
    let mut running = JoinSet::new();
    for role in roles {
        roles::spawn(*role, &backends, config, &shutdown, &mut running);
    }
    if let Some(serving) = rest.as_mut().and_then(|rest| rest.serve(shutdown.clone())) {
        running.spawn(serving);
    }
    Host { backends: Arc::new(backends), rest, running, shutdown }
}

impl Host {
    /// Waits until everything has stopped, and closes the backends. What stops by itself, or panics, stops the rest.
    ///
    /// # Errors
    /// Something stopped without having been told to.
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
        self.backends.close().await;
        outcome
    }
}

/// For people: `dispatcher, executor`.
pub fn names(roles: &[Role]) -> String {
    roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
