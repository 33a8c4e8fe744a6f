//! `signalbox dispatcher|executor|scheduler|api|serve`: starts the roles and the listener for operators, and runs until
//! a stop signal.

use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::host::{self, Host, Rest};
use crate::ops::{self, Readiness, ReadinessConfig};
use crate::services::{backends, require_servers};
use crate::shutdown;
use api::AllowedHosts;
use common::member::Role;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Everything in one process.
pub async fn serve(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let metrics = ops::install_metrics()?;
    let (backends, rest) = host::open(config, &shutdown).await?;
    let listener = ops::bind(&config.ops.listen).await?;
    let host = host::start(backends, rest, config, &host::ALL, shutdown);
    log_address(&host, config);
    watch(host, config, &host::ALL, metrics, listener).await
}

/// Single roles, on services that are shared with other processes.
pub async fn run(context: &Context, roles: &[Role]) -> Result<(), Failure> {
    let config = context.config();
    require_servers(config)?;
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let metrics = ops::install_metrics()?;
    let backends = backends::open(config, &host::names(roles)).await?;
    let listener = ops::bind(&config.ops.listen).await?;
    let host = host::start(backends, None, config, roles, shutdown);
    watch(host, config, roles, metrics, listener).await
}

/// Only the REST interface.
pub async fn api(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    require_servers(config)?;
    if config.api.listen.is_empty() {
        return Err(Failure::usage(
            "api.listen is \"\", so the API has no address; set for example SIGNALBOX_API__LISTEN=127.0.0.1:8080",
        ));
    }
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let metrics = ops::install_metrics()?;
    let backends = backends::open(config, "api").await?;
    let rest = Rest::open(&backends, config, &shutdown).await?.ok_or_else(|| {
        Failure::usage(format!("api.bootstrap_key is not set, so no client could authenticate; {CHOOSE_KEY}"))
    })?;
    let listener = ops::bind(&config.ops.listen).await?;
    let host = host::start(backends, Some(rest), config, &[], shutdown);
    log_address(&host, config);
    watch(host, config, &[], metrics, listener).await
}

const CHOOSE_KEY: &str = "choose one: SIGNALBOX_API__BOOTSTRAP_KEY=$(openssl rand -hex 24)";

/// Logs the address and the key of the REST interface.
fn log_address(host: &Host, config: &Config) {
    let Some(rest) = &host.rest else {
        tracing::info!("the REST interface is disabled, because api.bootstrap_key is not set; {CHOOSE_KEY}");
        return;
    };
    let Some(address) = rest.address else {
        tracing::info!("the REST interface is disabled, because api.listen is empty");
        return;
    };
    let key = &rest.key.origin;
    tracing::info!(api.address = %address, "the REST interface is served at http://{address}; its key is in {key}");
    if !address.ip().is_loopback() {
        tracing::warn!(
            api.address = %address,
            "api.listen {address} can be reached from other machines, and API keys are sent unencrypted: use a TLS proxy in front of it"
        );
    }
    if host.backends.kinds.store == "embedded" {
        tracing::info!("the state is in {}", config.data.dir.display());
    }
}

/// Serves metrics and health while the roles run and finish.
pub async fn watch(
    host: Host,
    config: &Config,
    roles: &[Role],
    metrics: PrometheusHandle,
    listener: Option<TcpListener>,
) -> Result<(), Failure> {
    let names = if roles.is_empty() { "api".to_owned() } else { host::names(roles) };
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, instance = %host.backends.instance, "Signalbox {version} started with the roles {names}");

    // Health is served until the roles have finished.
    let done = CancellationToken::new();
    let bus = host.backends.bus.clone();
    let readiness = Arc::new(Readiness::new(ReadinessConfig {
        store: host.backends.store.clone(),
        ping: host.backends.ping.clone(),
        is_broker_up: Box::new(move || bus.is_up()),
        commands: host.backends.commands.clone(),
        embedded: host.backends.embedded_store(),
        kinds: host.backends.kinds,
        roles: roles.to_vec(),
        instance: host.backends.instance.clone(),
        lease: config.engine.lease.0,
    }));
    let observer = tokio::spawn(ops::watch_process(metrics.clone(), readiness.clone()));
    let hosts = AllowedHosts::new(&config.api.hosts);
    let server = listener.map(|listener| {
        let serving = ops::serve(listener, metrics, readiness, hosts, done.clone());
        tokio::spawn(async move {
            if let Err(failure) = serving.await {
                tracing::error!("the listener for metrics and health stopped: {failure}");
            }
        })
    });

    let outcome = host.ended().await;
    observer.abort();
    done.cancel();
    if let Some(server) = server {
        server.abort();
    }
    if outcome.is_ok() {
        tracing::info!("Signalbox stopped; roles: {names}");
    }
    outcome
}
