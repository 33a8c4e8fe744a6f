//! The router over the model store and the embedded bus, with an executor that runs.

use super::stream::Stream;
use adapters::clock::SystemClock;
use adapters::embedded::bus::{Bus, Settings};
use adapters::embedded::disk::Disk;
use adapters::memory::{Limits, ManualTime, Store};
use api::publish::{Deployment, RouteChange, deploy};
use api::{AllowedHosts, Config, Key, Ports, Role};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use common::StoreError;
use common::ports::intercepted::{Intercepted, Interceptor, Operation, Run};
use common::ports::{Catalogue, Clock, Commands, StateStore};
use flow::route::Window;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt;

pub const ADMIN: &str = "secret";
pub const PLAIN: &str = "plain";
pub const CUSTOMER: &str = "5e4a0680-804e-11ec-8477-2fea5968d85b";
pub const OTHER: &str = "00000000-0000-0000-0000-000000000002";
/// Routed to a flow of `CUSTOMER`, and of `OTHER`.
pub const OURS: &str = "+15550111";
pub const THEIRS: &str = "+15550222";

pub struct LiveHarness {
    pub store: Arc<Store>,
    pub bus: Bus,
    /// Number of reads of feeds.
    pub feed_reads: Arc<AtomicUsize>,
    pub shutdown: CancellationToken,
    router: Router,
    executor: Option<AbortOnDropHandle<()>>,
    folder: PathBuf,
}

pub struct Shape {
    pub shards: u16,
    pub feed_length: u32,
    /// Whether commands can be read here.
    pub commands: bool,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { shards: 4, feed_length: 1_000, commands: true }
    }
}

impl LiveHarness {
    pub async fn new() -> LiveHarness {
        LiveHarness::of(Shape::default()).await
    }

    pub async fn of(shape: Shape) -> LiveHarness {
        let time = ManualTime::at("2026-11-22T05:00:00.012345Z".parse().unwrap());
        let limits = Limits { feed_length: shape.feed_length, ..Limits::default() };
        let store = Arc::new(Store::new(shape.shards, limits, time));
        let folder = std::env::temp_dir().join(format!("signalbox-live-{}", uuid::Uuid::new_v4().simple()));
        let disk = Arc::new(Disk::open(&folder, |_, _| Ok(())).unwrap());
        let bus = Bus::recover(disk, &Settings::default(), []).unwrap();
        let feed_reads = Arc::new(AtomicUsize::new(0));
        let ports = Ports {
            intake: store.clone(),
            catalogue: store.clone(),
            lookup: Arc::new(Intercepted(CountingFeeds {
                store: store.clone(),
                feed_reads: feed_reads.clone(),
            })),
            members: store.clone(),
            upkeep: store.clone(),
            rejects: Arc::new(bus.clone()),
            commands: shape.commands.then(|| Arc::new(bus.clone()) as Arc<dyn Commands>),
            clock: Arc::new(FastClock::default()),
        };
        let key = |key: &str, customer: &str, is_for_all| Key {
            name: format!("the-{key}-key"),
            key: key.into(),
            customer_id: customer.into(),
            is_for_all,
            role: Role::Admin,
        };
        let shutdown = CancellationToken::new();
        let config = Config {
            keys: vec![key(ADMIN, CUSTOMER, true), key(PLAIN, OTHER, false)],
            hosts: AllowedHosts::default(),
            store: "embedded",
            bus: "embedded",
            feed_length: shape.feed_length,
            shutdown: shutdown.clone(),
        };
        let router = api::router(ports, config);
        let harness = LiveHarness { store, bus, feed_reads, shutdown, router, executor: None, folder };
        harness.deploy(CUSTOMER, OURS).await;
        harness.deploy(OTHER, THEIRS).await;
        harness
    }

    async fn deploy(&self, customer_id: &str, number: &str) {
        let current = self.store.definitions(0).await.unwrap().unwrap_or_default();
        let document = json!({
            "schema": "signalbox.flow/v1", "name": "Desk", "type": "voice", "trigger": { "event": "call.incoming" },
            "actions": [
                { "id": "pick-up", "type": "answer" },
                { "id": "welcome", "type": "talk", "option": { "text": "Hello ${call.from}.\nA second line." } },
                { "id": "bye", "type": "hangup" },
            ],
        });
        let route = RouteChange {
            address: format!("call={number}").parse().unwrap(),
            window: Window::default(),
            priority: 0,
        };
        let deployment = Deployment {
            customer_id,
            name: "Desk",
            document: &document.to_string(),
            routes: &[route],
            now: "2026-11-22T05:00:00Z".parse().unwrap(),
        };
        let effect = deploy(&current, &BTreeMap::new(), &deployment).unwrap().unwrap();
        self.store.publish(&effect.publication).await.unwrap();
    }

    /// From now on activeflows move.
    pub fn run(&mut self) {
        let clock = Arc::new(SystemClock::default());
        let ports = executor::Ports {
            work: self.store.clone(),
            catalogue: self.store.clone(),
            members: self.store.clone(),
            bus: Arc::new(self.bus.clone()),
            clock,
            eager: Arc::default(),
        };
        let config = executor::Config {
            instance: "here".into(),
            shards: common::ports::Intake::shards(&*self.store),
            capacity: 64,
            resumes: 4,
            actions_per_commit: 256,
            messages_per_minute: 20,
            confirm_timeout: Duration::from_secs(10),
            bundles: 8,
            heartbeat_interval: Duration::from_millis(100),
            poll_interval: Duration::from_millis(100),
            lease: Duration::from_secs(10),
            retry_after: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(1),
        };
        let run = executor::run(ports, config, CancellationToken::new());
        self.executor = Some(AbortOnDropHandle::new(tokio::spawn(run)));
    }

    pub async fn ask(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn get(&self, key: &str, path: &str, last_event_id: Option<&str>) -> Response<Body> {
        let mut request = Request::get(path).header("authorization", format!("Bearer {key}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Stream {
        Stream::of(self.get(ADMIN, path, last_event_id).await)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response<Body> {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {ADMIN}"))
            .header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn answer(&self, path: &str, body: &Value) -> Value {
        let response = self.post(path, body).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The answer to a GET of an administrator.
    pub async fn read(&self, path: &str) -> Value {
        let response = self.get(ADMIN, path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    async fn event(&self, kind: &str, subject: &str, data: Value) -> Value {
        let id = uuid::Uuid::new_v4().to_string();
        let event = json!({
            "specversion": "1.0", "id": id, "source": "sbc-1.example", "type": kind, "subject": subject, "data": data,
        });
        self.answer("/v1/events", &event).await
    }

    /// Starts a call; returns the activeflow's id.
    pub async fn call(&self, subject: &str, to: &str) -> String {
        let applied = self.event("call.incoming", subject, json!({ "from": "+15550100", "to": to })).await;
        applied["activeflow_id"].as_str().unwrap().to_owned()
    }

    pub async fn hangup(&self, subject: &str) {
        self.event("call.hangup", subject, json!({ "reason": "normal" })).await;
    }
}

impl Drop for LiveHarness {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A clock twenty times as fast, so that keep-alives are soon.
#[derive(Default)]
struct FastClock(SystemClock);

const TIMES: u32 = 20;

#[async_trait]
impl Clock for FastClock {
    fn monotonic(&self) -> Duration {
        self.0.monotonic() * TIMES
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration / TIMES).await;
    }
}

/// A store that counts how often feeds are read.
struct CountingFeeds {
    store: Arc<Store>,
    feed_reads: Arc<AtomicUsize>,
}

#[async_trait]
impl Interceptor for CountingFeeds {
    fn store(&self) -> Arc<dyn StateStore> {
        self.store.clone()
    }

    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        if matches!(*operation, Operation::Feed { .. }) {
            self.feed_reads.fetch_add(1, Ordering::SeqCst);
        }
        run(self.store(), operation).await
    }
}
