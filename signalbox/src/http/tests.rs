//! Clients that take more than they may, over real sockets. The times bound the tests; they are no measurements.

use super::{Limits, Server, serve};
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits { connections: 64, header: LONG, body: LONG, idle: LONG, stall: LONG, shutdown: SHORT }
}

/// A listener whose only worker thread can be kept busy.
struct Fixture {
    workers: Runtime,
    address: SocketAddr,
    /// Permits of requests to `/wait`.
    go: Arc<Semaphore>,
    /// One permit for each request to `/wait` that has begun.
    begun: Arc<Semaphore>,
    _stop: DropGuard,
}

impl Fixture {
    fn new(limits: Limits) -> Fixture {
        let workers = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let go = Arc::new(Semaphore::new(0));
        let begun = Arc::new(Semaphore::new(0));
        let (waiting, counted) = (go.clone(), begun.clone());
        let wait = move || async move {
            counted.add_permits(1);
            waiting.acquire().await.map(|_| "done").unwrap()
        };
        let routes = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/large", get(|| async { "x".repeat(64 << 20) }))
            .route("/body", post(|body: Bytes| async move { body.len().to_string() }))
            .route("/wait", get(wait));
        let listener = workers.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server =
            Server { name: "api", limited_by: "a test", routes, limits, workers: workers.handle().clone() };
        workers.spawn(serve(listener, server, shutdown.clone()));
        Fixture { workers, address, go, begun, _stop: shutdown.drop_guard() }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    fn send(&self, request: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn get(&self, path: &str) -> TcpStream {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
    }
}

/// The first bytes that the server sends; empty if it closes the connection.
fn first_bytes(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 1024];
    match stream.read(&mut bytes) {
        Ok(length) => String::from_utf8_lossy(&bytes[..length]).into_owned(),
        Err(error) if is_closed(error.kind()) => String::new(),
        Err(error) => panic!("the connection was not closed: {error}"),
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::ConnectionAborted].contains(&kind)
}

fn is_ok(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
}

#[test]
fn a_header_that_does_not_arrive_ends_the_connection() {
    let fixture = Fixture::new(Limits { header: SHORT, ..limits() });
    assert_eq!(first_bytes(&mut fixture.connect()), "", "a client that sends nothing");
    assert_eq!(first_bytes(&mut fixture.send("GET / HT")), "", "a client that stops");
    let mut slow = fixture.connect();
    let mut sent = 0;
    for byte in "GET / HTTP/1.1\r\nx: ".bytes().chain(std::iter::repeat(b'x')).take(10_000) {
        if slow.write_all(&[byte]).is_err() {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(sent < 10_000, "a byte now and then does not keep the connection open");
    is_ok(&first_bytes(&mut fixture.get("/")));
}

#[test]
fn the_header_of_the_second_request_is_limited_too() {
    let fixture = Fixture::new(Limits { header: SHORT, ..limits() });
    let mut stream = fixture.get("/");
    is_ok(&first_bytes(&mut stream));
    stream.write_all(b"GET / HT").unwrap();
    assert_eq!(first_bytes(&mut stream), "");
}

#[test]
fn an_idle_connection_is_closed() {
    let fixture = Fixture::new(Limits { idle: SHORT, ..limits() });
    let mut stream = fixture.get("/");
    is_ok(&first_bytes(&mut stream));
    assert_eq!(first_bytes(&mut stream), "");
}

#[test]
fn a_body_that_does_not_arrive_ends_the_request() {
    let fixture = Fixture::new(Limits { body: SHORT, ..limits() });
    let request = "POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\n";
    let mut stream = fixture.send(&format!("{request}ab"));
    let answer = first_bytes(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer:?}");
    is_ok(&first_bytes(&mut fixture.send(&format!("{request}abcde"))));
}

#[test]
fn a_client_that_does_not_read_is_disconnected() {
    let fixture = Fixture::new(Limits { stall: SHORT, connections: 1, ..limits() });
    let mut stream = fixture.get("/large");
    // The only slot is free again when the client has read nothing for the time.
    let mut other = fixture.get("/");
    while !first_bytes(&mut other).starts_with("HTTP/1.1 200") {
        other = fixture.get("/");
    }
    let mut received = 0;
    let mut bytes = vec![0; 1 << 20];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(length) => received += length,
        }
    }
    assert!(received < 64 << 20, "{received}");
}

#[test]
fn a_header_that_is_too_large_is_refused() {
    let fixture = Fixture::new(limits());
    let mut stream = fixture.connect();
    let _ = write!(stream, "GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let answer = first_bytes(&mut stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer:?}");
}

#[test]
fn clients_that_ask_for_nothing_give_way_to_those_that_do() {
    let fixture = Fixture::new(Limits { connections: 4, ..limits() });
    let _idle: Vec<TcpStream> = (0..100).map(|_| fixture.connect()).collect();
    for _ in 0..8 {
        is_ok(&first_bytes(&mut fixture.get("/")));
    }
}

#[test]
fn a_connection_above_the_limit_is_refused_and_the_others_go_on() {
    let fixture = Fixture::new(Limits { connections: 2, ..limits() });
    let mut waiting: Vec<TcpStream> = (0..2).map(|_| fixture.get("/wait")).collect();
    // A connection gives way until its request has begun.
    let _ = fixture.workers.block_on(fixture.begun.acquire_many(2)).unwrap();
    let answer = first_bytes(&mut fixture.get("/"));
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    fixture.go.add_permits(1_000);
    for stream in &mut waiting {
        is_ok(&first_bytes(stream));
    }
}

#[test]
fn a_busy_worker_does_not_block_the_front() {
    let fixture = Fixture::new(limits());
    let (release, busy) = std::sync::mpsc::channel::<()>();
    let (started, is_busy) = std::sync::mpsc::channel::<()>();
    fixture.workers.spawn(async move {
        started.send(()).unwrap();
        let _ = busy.recv();
    });
    is_busy.recv().unwrap();
    let front = super::front::handle().unwrap();
    let health = Router::new().route("/livez", get(|| async { "ok\n" }));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let _stop = shutdown.clone().drop_guard();
    let server = Server {
        name: "ops",
        limited_by: "a test",
        routes: health,
        limits: limits(),
        workers: front.clone(),
    };
    front.spawn(async move { serve(TcpListener::from_std(listener).unwrap(), server, shutdown).await });
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    is_ok(&first_bytes(&mut stream));
    release.send(()).unwrap();
    is_ok(&first_bytes(&mut fixture.get("/")));
}
