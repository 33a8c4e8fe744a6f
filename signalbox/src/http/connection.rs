//! One connection, from its acceptance to its end.

use super::activity::{Activity, InProgress, Phase, Registered};
use super::body::{TimedBody, WatchedBody};
use super::limits::{HEADER_BYTES, Limits};
use super::stream::TimedStream;
use super::troubles::{Trouble, Troubles};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// What the connections of a listener share.
pub struct Shared {
    pub routes: Router,
    pub limits: Limits,
    pub troubles: Arc<Troubles>,
    pub shutdown: CancellationToken,
    /// Cancelled when the time for an orderly end is over.
    pub kill: CancellationToken,
}

/// Serves a connection until the client, a limit or the shutdown ends it.
pub async fn serve(
    stream: std::net::TcpStream,
    peer: SocketAddr,
    registered: Registered,
    shared: Arc<Shared>,
) {
    let activity = registered.activity();
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    // Without it, responses are only a little slower.
    let _ = stream.set_nodelay(true);
    let stream = TimedStream::new(stream, activity.clone(), shared.limits, shared.troubles.clone());
    let service = service_fn(|request| answer(request, peer, activity.clone(), shared.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(shared.limits.idle);
    builder.max_header_size(HEADER_BYTES).max_buf_size(2 * HEADER_BYTES);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                break;
            }
            () = activity.evicted() => {
                shared.troubles.count(Trouble::Evicted);
                break;
            }
            () = shared.kill.cancelled() => break,
            () = shared.shutdown.cancelled(), if !is_ending => {
                if activity.phase() <= Phase::Idle {
                    break;
                }
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<Activity>,
    shared: Arc<Shared>,
) -> Result<Response<WatchedBody>, Infallible> {
    let in_progress = InProgress::new(activity);
    let mut request =
        request.map(|body| Body::new(TimedBody::new(body, shared.limits.body, shared.troubles.clone())));
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = shared.routes.clone().oneshot(request).await?;
    Ok(response.map(|body| WatchedBody::new(body, in_progress)))
}
