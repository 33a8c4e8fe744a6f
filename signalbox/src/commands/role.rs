//! `signalbox dispatcher|executor|scheduler|api|serve`: starts the listener for operators and the roles, and runs until a
//! stop signal.

use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::host::{self, Host, Rest};
use crate::ops::{Operations, Readiness, ReadinessConfig};
use crate::services::{backends, require_servers};
use crate::shutdown;
use common::member::Role;
use tokio_util::sync::CancellationToken;

/// Everything in one process.
pub async fn serve(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let operations = Operations::start(config).await?;
    let opening = host::open(config, Some(operations.startup()), &shutdown);
    let Some((backends, rest)) = unless_stopped(opening, &shutdown).await? else { return Ok(()) };
    let host = host::start(backends, rest, config, &host::ALL, shutdown);
    log_address(&host, config);
    watch(host, config, &host::ALL, operations).await
}

/// Single roles, on services that are shared with other processes.
pub async fn run(context: &Context, roles: &[Role]) -> Result<(), Failure> {
    let config = context.config();
    require_servers(config)?;
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let operations = Operations::start(config).await?;
    let names = host::names(roles);
    let opening = backends::open(config, &names, Some(operations.startup()));
    let Some(backends) = unless_stopped(opening, &shutdown).await? else { return Ok(()) };
    let host = host::start(backends, None, config, roles, shutdown);
    watch(host, config, roles, operations).await
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
    if config.api.bootstrap_key.is_empty() && config.api.keys.is_empty() {
        return Err(without_key());
    }
    let shutdown = shutdown::on_signals(config.engine.shutdown_grace.0)?;
    let operations = Operations::start(config).await?;
    let opening = backends::open(config, "api", Some(operations.startup()));
    let Some(backends) = unless_stopped(opening, &shutdown).await? else { return Ok(()) };
    let rest = Rest::open(&backends, config, &shutdown).await?.ok_or_else(without_key)?;
    let host = host::start(backends, Some(rest), config, &[], shutdown);
    log_address(&host, config);
    watch(host, config, &[], operations).await
}

/// `None` if a stop signal came before the services were open.
async fn unless_stopped<T>(
    opening: impl Future<Output = Result<T, Failure>>,
    shutdown: &CancellationToken,
) -> Result<Option<T>, Failure> {
    let opened = shutdown.run_until_cancelled(opening).await.transpose()?;
    if opened.is_none() {
        tracing::info!("Signalbox stopped before its services were there");
    }
    Ok(opened)
}

const CHOOSE_KEY: &str = "choose one: SIGNALBOX_API__BOOTSTRAP_KEY=$(openssl rand -hex 24)";

fn without_key() -> Failure {
    Failure::usage(format!("api.bootstrap_key is not set, so no client could authenticate; {CHOOSE_KEY}"))
}

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

/// Waits until the roles have finished; `operations` answers until then.
pub async fn watch(
    host: Host,
    config: &Config,
    roles: &[Role],
    operations: Operations,
) -> Result<(), Failure> {
    let names = if roles.is_empty() { "api".to_owned() } else { host::names(roles) };
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, instance = %host.backends.instance, "Signalbox {version} started with the roles {names}");
    let bus = host.backends.bus.clone();
    operations.roles_run(Readiness::new(ReadinessConfig {
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
    let outcome = host.ended().await;
    drop(operations);
    if outcome.is_ok() {
        tracing::info!("Signalbox stopped; roles: {names}");
    }
    outcome
}
