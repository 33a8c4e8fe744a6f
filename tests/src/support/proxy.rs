//! A TCP proxy in front of a server: it forwards bytes, holds them while a test wants (the connection stays open and silent),
//! releases them, and cuts connections.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Directions that are held. The end of a connection is held like its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Nothing,
    Requests,
    Replies,
    Both,
}

/// The proxy. Dropping it cuts its connections.
pub struct Proxy {
    port: u16,
    state: Shared,
    _accepting: AbortOnDropHandle<()>,
}

struct State {
    /// One sender per connection. Dropping it cuts the connection.
    lines: Vec<watch::Sender<Hold>>,
    new: Hold,
    accepted: usize,
    replies: Vec<u8>,
}

impl State {
    fn open(&mut self) -> watch::Receiver<Hold> {
        let (line, held) = watch::channel(self.new);
        self.lines.push(line);
        self.accepted += 1;
        held
    }
}

type Shared = Arc<Mutex<State>>;

impl Proxy {
    /// A proxy for the server on this port of the loopback interface.
    pub async fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let own = listener.local_addr().expect("a bound listener has an address").port();
        let state = State { lines: Vec::new(), new: Hold::Nothing, accepted: 0, replies: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let accepting = tokio::spawn(accept(listener, port, state.clone()));
        Proxy { port: own, state, _accepting: AbortOnDropHandle::new(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Holds bytes on the current connections.
    pub fn hold(&self, what: Hold) {
        for line in &lock(&self.state).lines {
            line.send_replace(what);
        }
    }

    /// Holds bytes on future connections.
    pub fn hold_new(&self, what: Hold) {
        lock(&self.state).new = what;
    }

    /// Releases all held bytes on every connection.
    pub fn release(&self) {
        self.hold_new(Hold::Nothing);
        self.hold(Hold::Nothing);
    }

    /// Cuts the current connections. Held bytes are lost.
    pub fn cut(&self) {
        lock(&self.state).lines.clear();
    }

    /// Number of connections so far.
    pub fn accepted(&self) -> usize {
        lock(&self.state).accepted
    }

    /// All bytes from the server, on all connections.
    pub fn replies(&self) -> Vec<u8> {
        lock(&self.state).replies.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, port: u16, state: Shared) {
    while let Ok((client, _)) = listener.accept().await {
        let held = lock(&state).open();
        tokio::spawn(carry(client, port, held, state.clone()));
    }
}

async fn carry(client: TcpStream, port: u16, held: watch::Receiver<Hold>, state: Shared) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let requests = relay(from_client, to_server, held.clone(), Hold::Requests, |_| {});
    let replies = relay(from_server, to_client, held.clone(), Hold::Replies, |bytes| {
        lock(&state).replies.extend_from_slice(bytes);
    });
    tokio::select! {
        _ = futures_util::future::join(requests, replies) => {}
        () = is_cut(held) => {}
    }
}

async fn relay(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut held: watch::Receiver<Hold>,
    direction: Hold,
    seen: impl Fn(&[u8]),
) {
    let mut bytes = vec![0; 65_536];
    loop {
        let size = from.read(&mut bytes).await.unwrap_or(0);
        seen(&bytes[..size]);
        let passes = |now: &Hold| *now != direction && *now != Hold::Both;
        if held.wait_for(passes).await.is_err() || size == 0 || to.write_all(&bytes[..size]).await.is_err() {
            return;
        }
    }
}

async fn is_cut(mut held: watch::Receiver<Hold>) {
    while held.changed().await.is_ok() {}
}
