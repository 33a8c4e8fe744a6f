//! Helpers: servers, proxies, stores, events and messages.

use adapters::amqp;
use adapters::redis::{Settings, Store};
use common::command::Message;
use common::identity::reference_key;
use common::member::MemberId;
use common::ports::Work;
use common::ports::intake::{Deliver, Destination};
use common::ports::work::{ClaimRequest, Claimed, Row, Transition};
use common::record::{ActiveflowSpec, FlowRef, Start};
use common::{ActiveflowId, EventKey, Shard};
use flow::Class;
use flow::route::Reference;
use redis::aio::MultiplexedConnection;
use std::future::Future;
use std::time::Duration;
use tests::support::{Proxy, Rabbit, Redis, RedisOptions, broker};
use tokio::time::{Instant, sleep, timeout};

/// Limit against a hanging test.
const TIMEOUT: Duration = Duration::from_secs(60);
pub const SHARD: Shard = Shard(0);

pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, work).await.unwrap_or_else(|_| panic!("{what}: not within {TIMEOUT:?}"))
}

pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within {TIMEOUT:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A private server, and a proxy in front of it.
pub async fn server(options: RedisOptions) -> (Redis, Proxy) {
    let redis = tokio::task::block_in_place(|| Redis::start(options));
    let proxy = Proxy::before(redis.port()).await;
    (redis, proxy)
}

/// The Redis store with one shard, one connection and a response timeout.
pub fn store(port: u16, patience: Duration) -> Store {
    store_at(&format!("redis://127.0.0.1:{port}"), patience)
}

pub fn store_at(url: &str, patience: Duration) -> Store {
    let settings = Settings { connections: 1, response_timeout: patience, ..Settings::new(url, 1) };
    Store::connect(settings).unwrap()
}

/// A connection of redis-rs without the adapter.
pub async fn client(port: u16, patience: Duration) -> MultiplexedConnection {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(patience));
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

/// Number of calls of `command` that the server has received.
pub fn calls(redis: &Redis, command: &str) -> u64 {
    let stats = redis.ask(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

/// An event that starts an activeflow.
pub fn event(name: &str) -> Deliver {
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: name.into() };
    let start = Start {
        id: started(name),
        class: Class::Voice,
        spec: ActiveflowSpec {
            reference: reference.clone(),
            customer_id: "00000000-0000-0000-0000-000000000000".into(),
            bundle: [7; 32],
            hears: ["call.incoming".to_owned()].into(),
            flow: FlowRef { id: "flow-1".into(), name: "Support line".into(), version: 1 },
            traceparent: None,
        },
    };
    Deliver {
        key: EventKey::of(&["default", "sbc-1", name]),
        shard: SHARD,
        generation: 0,
        to: Destination::Reference { key: reference_key(&reference), owner: Some(start), sides: Vec::new() },
        kind: "call.incoming".into(),
        input: b"{}".to_vec(),
        single_use: None,
        always_fits: false,
        eager: None,
    }
}

/// The activeflow that `event(name)` starts.
pub fn started(name: &str) -> ActiveflowId {
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: name.into() };
    ActiveflowId::derive(&reference, "sbc-1", name, "call.incoming", "flow-1")
}

pub async fn claim_one(store: &Store) -> Row {
    let worker = MemberId(uuid::Uuid::from_u128(1));
    let claimed = store.claim(SHARD, worker, 1, ClaimRequest { max: 1, idle: true }).await.unwrap();
    let Claimed::Rows { mut rows, .. } = claimed else { panic!("the worker is alive") };
    rows.pop().unwrap()
}

pub fn transition(body: &str, consumed: u32) -> Transition {
    Transition { body: body.into(), consumed, ..Transition::default() }
}

/// The broker, through a proxy.
pub fn through(proxy: &Proxy, rabbit: &Rabbit) -> amqp::Settings {
    broker::settings(&rabbit.url().replace(&rabbit.port().to_string(), &proxy.port().to_string()))
}

pub fn message(number: usize, routing_key: &str) -> Message {
    Message {
        id: format!("flow:{number}"),
        routing_key: routing_key.into(),
        correlation_id: "flow".into(),
        reference: "call-1".into(),
        traceparent: None,
        body: number.to_string(),
    }
}
