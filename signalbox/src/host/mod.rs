//! A Signalbox in this process: roles and REST interface on shared backends. `serve`, single roles, `demo` and `bench` use
//! this.

mod rest;
pub mod roles;

pub use rest::Rest;

use crate::config::Config;
use crate::failure::Failure;
use crate::services::backends::{self, Backends};
use crate::services::{BackendKinds, Startup, external};
use common::member::Role;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Roles that `serve` runs.
pub const ALL: [Role; 3] = [Role::Dispatcher, Role::Executor, Role::Scheduler];

/// The running tasks. Dropping this aborts them; [`Host::ended`] waits for them.
pub struct Host {
    pub backends: Arc<Backends>,
    /// `None` if the REST interface does not run.
    pub rest: Option<Rest>,
    running: JoinSet<()>,
    shutdown: CancellationToken,
}

/// [`open`] and [`start`] with every role. Waits for no server.
///
/// # Errors
/// As [`open`].
pub async fn serve(config: &Config, shutdown: CancellationToken) -> Result<Host, Failure> {
    let (backends, rest) = open(config, None, &shutdown).await?;
    Ok(start(backends, rest, config, &ALL, shutdown))
}

/// Sets up and opens the configured services, and binds the address of the REST interface. Waits for servers that are away,
/// if this is the `startup` of a role.
///
/// # Errors
/// A service cannot be used, another process uses the data folder, or api.listen cannot be bound.
pub async fn open(
    config: &Config,
    startup: Option<&Startup>,
    shutdown: &CancellationToken,
) -> Result<(Backends, Option<Rest>), Failure> {
    if BackendKinds::of(config).has_data_folder() {
        rest::must_have_key(config)?;
    }
    for done in external::migrate(config, startup).await? {
        tracing::info!("migrate: {done}");
    }
    let backends = backends::open(config, &names(&ALL), startup).await?;
    let rest = Rest::open(&backends, config, shutdown).await?;
    Ok((backends, rest))
}

/// Starts `roles` and `rest` on `backends`. They stop when `shutdown` is cancelled.
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
    /// Waits until all tasks have stopped, and closes the backends. A task that stops early or panics stops the others.
    ///
    /// # Errors
    /// A task stopped before shutdown.
    pub async fn ended(mut self) -> Result<(), Failure> {
        let mut outcome = Ok(());
        while let Some(ended) = self.running.join_next().await {
            if let Err(error) = ended {
                outcome =
                    Err(Failure::failed(format!("a role failed ({error}), so the process ends; restart it")));
            } else if !self.shutdown.is_cancelled() {
                outcome =
                    Err(Failure::failed("a role stopped unexpectedly, so the process ends; restart it"));
            }
            self.shutdown.cancel();
        }
        self.backends.close().await;
        outcome
    }
}

/// Names of the roles: `dispatcher, executor`.
pub fn names(roles: &[Role]) -> String {
    roles.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
