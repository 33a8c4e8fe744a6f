//! `signalbox dispatcher|executor|scheduler|serve`: starts the roles and the listener for operators, and runs until told
//! to stop.

use crate::cli::Context;
use crate::config::Config;
use crate::failure::Failure;
use crate::host::{self, Host};
use crate::ops::{self, Readiness, Watched};
use crate::services::{need_amqp, need_redis, world};
use crate::shutdown;
use common::member::Role;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// All roles, after a migration.
pub async fn serve(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let shutdown = shutdown::on_signals(config.engine.grace.0)?;
    let metrics = ops::install_metrics()?;
    let listener = ops::bind(&config.ops.listen).await?;
    let host = host::serve(config, shutdown).await?;
    watch(host, config, &host::ALL, metrics, listener).await
}

/// Some roles, of services that others use too.
pub async fn run(context: &Context, roles: &[Role]) -> Result<(), Failure> {
    let config = context.config();
    need_redis(config)?;
    need_amqp(config)?;
    let shutdown = shutdown::on_signals(config.engine.grace.0)?;
    let metrics = ops::install_metrics()?;
    let listener = ops::bind(&config.ops.listen).await?;
    let world = world::open(config, &host::names(roles)).await?;
    let host = host::start(world, config, roles, shutdown);
    watch(host, config, roles, metrics, listener).await
}

/// Answers operators while the roles run and finish.
async fn watch(
    host: Host,
    config: &Config,
    roles: &[Role],
    metrics: PrometheusHandle,
    listener: Option<TcpListener>,
) -> Result<(), Failure> {
    let names = host::names(roles);
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, place = %host.world.place, "Signalbox {version} runs as {names}");

    // Health answers while roles finish, and stops with them.
    let done = CancellationToken::new();
    let bus = host.world.bus.clone();
    let readiness = Arc::new(Readiness::new(Watched {
        store: host.world.store.clone(),
        ping: host.world.ping.clone(),
        is_broker_up: Box::new(move || bus.is_up()),
        roles: roles.to_vec(),
        place: host.world.place.clone(),
        lease: config.engine.lease.0,
    }));
    let observer = tokio::spawn(ops::watch_process(metrics.clone(), readiness.clone()));
    let server =
        listener.map(|listener| tokio::spawn(ops::serve(listener, metrics, readiness, done.clone())));

    let outcome = host.ended().await;
    observer.abort();
    done.cancel();
    if let Some(server) = server {
        server.abort();
    }
    if outcome.is_ok() {
        tracing::info!("Signalbox has stopped: {names}");
    }
    outcome
}
