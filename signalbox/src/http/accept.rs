//! Accepts connections, at most as many as there are slots.

use super::activity::Connections;
use super::connection::{self, Shared};
use super::front;
use super::limits::Limits;
use super::troubles::{self, LOG_INTERVAL, Trouble, Troubles};
use crate::failure::Failure;
use axum::Router;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Pause after the system had no descriptor for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// Time for a connection to close that is evicted.
const EVICTION: Duration = Duration::from_secs(1);
/// Refused connections that are read at the same time, and for how long and how much.
const MAX_REFUSED: usize = 16;
const REFUSED_FOR: Duration = Duration::from_secs(1);
const REFUSED_BYTES: u64 = 64 * 1024;
/// Answer to a connection for which there is no slot.
const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";

/// A listener's name, routes and limits.
pub struct Server {
    /// Name in logs and metrics: `api` or `ops`.
    pub name: &'static str,
    /// The setting that limits its connections, or a reason.
    pub limited_by: &'static str,
    pub routes: Router,
    pub limits: Limits,
    /// Runtime that serves the connections.
    pub workers: Handle,
}

/// Serves until `shutdown`. Then open requests finish and streams end.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    server: Server,
    shutdown: CancellationToken,
) -> Result<(), Failure> {
    let name = server.name;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::failed(format!("the listener for {name} cannot be used: {error}"))
    };
    let listener = listener.into_std().map_err(|error| failed(&error))?;
    let accepting = AbortOnDropHandle::new(front::handle()?.spawn(async move {
        // The front's reactor watches the listener, because the workers' one waits for a free worker.
        let listener = TcpListener::from_std(listener)?;
        Acceptor::new(server, shutdown).run(listener).await;
        Ok::<_, io::Error>(())
    }));
    match accepting.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

struct Acceptor {
    name: &'static str,
    workers: Handle,
    slots: Arc<Semaphore>,
    connections: Arc<Connections>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    accepted: u64,
    /// Refused connections that are read until their client has the answer.
    refused: Arc<Semaphore>,
    /// Without an acceptor, no connection stays.
    _kill: DropGuard,
}

impl Acceptor {
    fn new(server: Server, shutdown: CancellationToken) -> Acceptor {
        let Server { name, limited_by, routes, limits, workers } = server;
        troubles::describe();
        let troubles = Arc::new(Troubles::new(name, limits.connections, limited_by));
        let kill = CancellationToken::new();
        Acceptor {
            name,
            workers,
            slots: Arc::new(Semaphore::new(limits.connections)),
            connections: Arc::default(),
            shared: Arc::new(Shared { routes, limits, troubles, shutdown, kill: kill.clone() }),
            tasks: TaskTracker::new(),
            accepted: 0,
            refused: Arc::new(Semaphore::new(MAX_REFUSED)),
            _kill: kill.drop_guard(),
        }
    }

    async fn run(mut self, listener: TcpListener) {
        let shared = self.shared.clone();
        let mut log = tokio::time::interval(LOG_INTERVAL);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shared.shutdown.cancelled() => break,
                _ = log.tick() => {
                    shared.troubles.flush();
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer).await,
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    shared.troubles.accept_failed(&error);
                    self.connections.evict();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        self.tasks.close();
        if tokio::time::timeout(shared.limits.shutdown, self.tasks.wait()).await.is_err() {
            // A stalled client must not delay the shutdown.
            tracing::debug!(listener = self.name, "closing connections that did not finish");
        }
    }

    async fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        let Some(slot) = self.slot().await else {
            self.shared.troubles.count(Trouble::Refused);
            return self.refuse(stream);
        };
        // The workers' reactor watches the stream from now on.
        let Ok(stream) = stream.into_std() else { return };
        self.accepted += 1;
        let registered = self.connections.add(self.accepted, self.name, slot);
        let serving = connection::serve(stream, peer, registered, self.shared.clone());
        self.tasks.spawn_on(serving, &self.workers);
    }

    /// Answers 503 and closes. A connection that is closed with unread bytes is reset, and the answer is lost: so a few of
    /// them are read for a moment. The client of any other may see a closed connection only.
    fn refuse(&self, mut stream: TcpStream) {
        let (Ok(_), Ok(permit)) = (stream.try_write(BUSY), self.refused.clone().try_acquire_owned()) else {
            return;
        };
        self.tasks.spawn(async move {
            let _permit = permit;
            let read = async {
                stream.shutdown().await?;
                tokio::io::copy(&mut stream.take(REFUSED_BYTES), &mut tokio::io::sink()).await
            };
            let _ = tokio::time::timeout(REFUSED_FOR, read).await;
        });
    }

    /// A slot for one more connection. If all are taken, a connection without a request in progress gives up its slot.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return Some(slot);
        }
        if !self.connections.evict() {
            return None;
        }
        let freed = tokio::time::timeout(EVICTION, self.slots.clone().acquire_owned()).await;
        freed.ok()?.ok()
    }
}

/// Whether the client gave up before its connection was accepted; the next one may be accepted at once.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
