//! The listener: `/metrics`, `/livez`, `/readyz`. It answers while the workers are busy.

use super::health::Health;
use super::process;
use super::readiness::Check;
use crate::failure::Failure;
use crate::http::{self, Limits, Server, descriptors};
use api::AllowedHosts;
use axum::Router;
use axum::extract::{RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Maximum time of all checks; each has its own limit too.
const CHECKS: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Ops {
    metrics: PrometheusHandle,
    health: Arc<Health>,
    workers: Handle,
}

/// Binds the address; `None` if the listener is disabled.
///
/// # Errors
/// The address is in use or not available.
pub async fn bind(listen: &str) -> Result<Option<TcpListener>, Failure> {
    if listen.is_empty() {
        return Ok(None);
    }
    let taken = |error: std::io::Error| {
        let why = if error.kind() == std::io::ErrorKind::AddrInUse {
            "another program uses it".into()
        } else {
            error.to_string()
        };
        Failure::failed(format!(
            "ops.listen is {listen}, and this address cannot be used: {why}; set another address, for example SIGNALBOX_OPS__LISTEN=127.0.0.1:9465, or port 0 for a free one"
        ))
    };
    let listener = TcpListener::bind(listen).await.map_err(taken)?;
    let address: SocketAddr = listener.local_addr().map_err(taken)?;
    tracing::info!(ops.address = %address, "metrics and health are served at http://{address}");
    if !address.ip().is_loopback() {
        tracing::warn!(
            ops.address = %address,
            "ops.listen {address} can be reached from other machines, which can read the metrics; to listen only on this machine: SIGNALBOX_OPS__LISTEN=127.0.0.1:{}",
            address.port()
        );
    }
    Ok(Some(listener))
}

/// Serves until `shutdown`, on the thread that accepts connections: a busy worker does not delay it.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    metrics: PrometheusHandle,
    health: Arc<Health>,
    hosts: AllowedHosts,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let ops = Ops { metrics, health, workers: Handle::current() };
    let mut routes = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(ops);
    if listener.local_addr().is_ok_and(|address| address.ip().is_loopback()) {
        // A page in a browser on this machine must not read the metrics under a name of its own.
        routes = routes.layer(from_fn_with_state(Arc::new(hosts), must_be_allowed));
    }
    let server = Server {
        name: "ops",
        limited_by: "for health and metrics",
        routes,
        limits: Limits::of(descriptors::for_ops()),
        workers: http::front()?,
    };
    http::serve(listener, server, shutdown).await
}

async fn must_be_allowed(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
    match hosts.refused(&request) {
        None => next.run(request).await,
        Some(host) => {
            let text = format!("{}\n", AllowedHosts::explain(&host));
            (StatusCode::MISDIRECTED_REQUEST, text).into_response()
        }
    }
}

async fn render(State(ops): State<Ops>) -> impl IntoResponse {
    let text = ops.metrics.render() + &process::text();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// 200 or 503; `?verbose` lists every check, otherwise only failures and warnings are listed.
async fn ready(State(ops): State<Ops>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let verbose =
        query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    let checks = ops.checks().await;
    let is_ready = checks.iter().all(|check| check.ok);
    let mut text: String = checks
        .iter()
        .filter(|check| verbose || !check.ok || check.warns)
        .map(|check| format!("{check}\n"))
        .collect();
    text.push_str(if is_ready { "ready\n" } else { "not ready\n" });
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}

impl Ops {
    /// Runs the checks on the workers, to which the connections of the stores belong.
    async fn checks(&self) -> Vec<Check> {
        let health = self.health.clone();
        let checks = self.workers.spawn(async move { health.check().await });
        match tokio::time::timeout(CHECKS, checks).await {
            Ok(Ok(checks)) => checks,
            Ok(Err(error)) => vec![Check::failed("workers", format!("the checks failed: {error}"))],
            Err(_) => {
                let why = format!("no worker thread finished the checks within {} s", CHECKS.as_secs());
                vec![Check::failed("workers", why)]
            }
        }
    }
}
