//! The listener for operators: `/metrics`, `/livez`, `/readyz`.

mod process;
mod readiness;

pub use process::{install_metrics, watch_process};
pub use readiness::{Readiness, ReadinessConfig};

use crate::failure::Failure;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Ops {
    metrics: PrometheusHandle,
    readiness: Arc<Readiness>,
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
            "ops.listen is {listen}, and this address cannot be used: {why}; set another address, for example SIGNALBOX_OPS__LISTEN=127.0.0.1:9091, or port 0 for a free one"
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

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    metrics: PrometheusHandle,
    readiness: Arc<Readiness>,
    shutdown: CancellationToken,
) {
    let routes = Router::new()
        .route("/metrics", get(render))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Ops { metrics, readiness });
    if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
    {
        tracing::error!(%error, "the listener for metrics and health stopped");
    }
}

async fn render(State(ops): State<Ops>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], ops.metrics.render())
}

/// 200 or 503; `?verbose` lists every check, otherwise only failures and warnings are listed.
async fn ready(State(ops): State<Ops>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let verbose =
        query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")));
    let checks = ops.readiness.check().await;
    let is_ready = checks.iter().all(|check| check.ok);
    let mut text: String = checks
        .iter()
        .filter(|check| verbose || !check.ok || check.warns)
        .map(|check| format!("{check}\n"))
        .collect();
    text.push_str(if is_ready { "ready\n" } else { "not ready\n" });
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
}
