//! Metrics and health of a process, from before its services are opened until its roles have ended.

use super::health::Health;
use super::listener::{bind, serve};
use super::process::{self, install_metrics};
use super::readiness::Readiness;
use crate::config::Config;
use crate::failure::Failure;
use crate::services::Startup;
use api::AllowedHosts;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The listener for operators and its tasks, which end when this is dropped.
pub struct Operations {
    health: Arc<Health>,
    _done: DropGuard,
    _tasks: JoinSet<()>,
}

impl Operations {
    /// Installs the metrics recorder and serves `ops.listen`. Call it once for each process.
    ///
    /// # Errors
    /// The address cannot be used, or a recorder is already installed.
    pub async fn start(config: &Config) -> Result<Operations, Failure> {
        let metrics = install_metrics()?;
        let listener = bind(&config.ops.listen).await?;
        let health = Arc::new(Health::default());
        let done = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(process::watch(metrics.clone(), health.clone()));
        if let Some(listener) = listener {
            let hosts = AllowedHosts::new(&config.api.hosts);
            let serving = serve(listener, metrics, health.clone(), hosts, done.clone());
            tasks.spawn(async move {
                if let Err(failure) = serving.await {
                    tracing::error!("the listener for metrics and health stopped: {failure}");
                }
            });
        }
        Ok(Operations { health, _done: done.drop_guard(), _tasks: tasks })
    }

    pub fn startup(&self) -> &Startup {
        &self.health.startup
    }

    /// The roles run from now on.
    pub fn roles_run(&self, readiness: Readiness) {
        self.health.roles_run(readiness);
    }
}
