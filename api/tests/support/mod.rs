//! The real router over the model store, with a real executor's step driven by hand.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::allow_attributes,
    reason = "a test fails loudly, and every test executable uses another part of this"
)]

use adapters::clock::SystemClock;
use adapters::memory::{Limits, ManualTime, Store};
use api::{AllowedHosts, Config, Key, Ports, Role};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use common::StoreError;
use common::command::Message;
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::error::Unusable;
use common::ports::intercepted::{Intercepted, Interceptor, Operation, Run};
use common::ports::rejects::{Rejected, Rejects, Selection};
use common::ports::{Bus, StateStore};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub const KEY: &str = "secret";
pub const PLAIN_KEY: &str = "plain";
pub const CUSTOMER: &str = "5e4a0680-804e-11ec-8477-2fea5968d85b";
pub const OTHER_CUSTOMER: &str = "00000000-0000-0000-0000-000000000002";

pub struct ApiHarness {
    pub store: Arc<Store>,
    pub time: ManualTime,
    pub rejects: Arc<InMemoryRejects>,
    /// Number of times that the API asked the store for the time.
    pub clock_reads: Arc<AtomicUsize>,
    router: Router,
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl ApiHarness {
    pub fn new() -> ApiHarness {
        let time = ManualTime::at("2026-11-22T05:00:00.012345Z".parse().unwrap());
        let store = Arc::new(Store::new(16, Limits::default(), time.clone()));
        ApiHarness::over(store, time)
    }

    /// Another process at the same store.
    pub fn beside(&self) -> ApiHarness {
        ApiHarness::over(self.store.clone(), self.time.clone())
    }

    fn over(store: Arc<Store>, time: ManualTime) -> ApiHarness {
        let rejects = Arc::new(InMemoryRejects::default());
        let clock_reads = Arc::new(AtomicUsize::new(0));
        let counted = CountingTimes { store: store.clone(), clock_reads: clock_reads.clone() };
        let ports = Ports {
            intake: store.clone(),
            catalogue: Arc::new(Intercepted(counted)),
            lookup: store.clone(),
            members: store.clone(),
            upkeep: store.clone(),
            rejects: rejects.clone(),
            commands: None,
            clock: Arc::new(SystemClock::default()),
        };
        let key = |key: &str, customer: &str, is_for_all| Key {
            name: format!("the-{key}-key"),
            key: key.into(),
            customer_id: customer.into(),
            is_for_all,
            role: Role::Admin,
        };
        let config = Config {
            keys: vec![
                key(KEY, CUSTOMER, true),
                key(PLAIN_KEY, OTHER_CUSTOMER, false),
                Key { role: Role::Read, ..key("read", CUSTOMER, true) },
                Key { role: Role::Operate, ..key("operate", CUSTOMER, true) },
            ],
            hosts: AllowedHosts::default(),
            store: "embedded",
            bus: "embedded",
            feed_length: Limits::default().feed_length,
            shutdown: CancellationToken::new(),
        };
        ApiHarness { store, time, rejects, clock_reads, router: api::router(ports, config) }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }

    /// The status, without reading the body: a stream has no end.
    pub async fn status(&self, request: Request<Body>) -> u16 {
        self.router.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    pub async fn ask(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// A POST without a body, with the header `Idempotency-Key`.
    pub async fn once(&self, idempotency_key: &str, path: &str) -> Answer {
        self.once_as(KEY, idempotency_key, path, Value::Null).await
    }

    pub async fn once_as(&self, key: &str, idempotency_key: &str, path: &str, body: Value) -> Answer {
        let request = Request::post(path).header("authorization", format!("Bearer {key}"));
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.header("idempotency-key", idempotency_key).body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(KEY, "GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(KEY, "POST", path, Some(body)).await
    }
}

impl ApiHarness {
    /// An event body of this media type, as it is.
    pub async fn send_as(&self, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post("/v1/events").header("authorization", "Bearer secret");
        self.send(request.header("content-type", kind).body(body.into()).unwrap()).await
    }
}

/// A store that counts how often it is asked for the time.
struct CountingTimes {
    store: Arc<Store>,
    clock_reads: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Interceptor for CountingTimes {
    fn store(&self) -> Arc<dyn StateStore> {
        self.store.clone()
    }

    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        if matches!(*operation, Operation::Now {}) {
            self.clock_reads.fetch_add(1, Ordering::SeqCst);
        }
        run(self.store(), operation).await
    }
}

/// Rejected events in memory.
#[derive(Default)]
pub struct InMemoryRejects(pub Mutex<Vec<Rejected>>);

impl InMemoryRejects {
    fn take(&self, selection: &Selection) -> usize {
        let mut rejected = self.0.lock().unwrap();
        let before = rejected.len();
        rejected.retain(|rejected| !selection.has(rejected));
        before - rejected.len()
    }
}

#[async_trait::async_trait]
impl Rejects for InMemoryRejects {
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable> {
        Ok(self.0.lock().unwrap().iter().take(limit).cloned().collect())
    }

    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable> {
        Ok(self.take(selection))
    }

    async fn discard(&self, selection: &Selection) -> Result<usize, Unusable> {
        Ok(self.take(selection))
    }
}

pub fn event(id: &str, kind: &str, subject: &str, data: Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "sbc-1.example", "type": kind, "subject": subject, "data": data})
}

pub fn call(id: &str, subject: &str) -> Value {
    event(id, "call.incoming", subject, json!({"from": "+15550100", "to": "+15550111"}))
}

pub const SECOND: Duration = Duration::from_secs(1);

/// A problem in full.
pub fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.json["status"], status);
    assert_eq!(answer.json["code"], code, "{}", answer.text);
    assert_eq!(answer.json["type"], format!("urn:signalbox:problem:{code}"));
    for text in ["title", "detail", "instance"] {
        assert!(!answer.json[text].as_str().unwrap().is_empty(), "{text}: {}", answer.text);
    }
}

impl ApiHarness {
    /// Deploys a voice flow named `Desk` with these actions at +15550111.
    pub async fn deploy_desk(&self, actions: Value) {
        let document = json!({
            "schema": "signalbox.flow/v1", "name": "Desk", "type": "voice",
            "trigger": {"event": "call.incoming"}, "actions": actions
        });
        let body = json!({"document": document, "routes": [{"address": "call=+15550111"}]});
        let answer = self.post("/v1/flows", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// A call that starts an activeflow; its id.
    pub async fn call(&self, subject: &str) -> String {
        let answer = self.post("/v1/events", call(subject, subject)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json["outcome"].as_str()),
            (200, Some("applied")),
            "{}",
            answer.text
        );
        answer.json["activeflow_id"].as_str().unwrap().to_owned()
    }

    /// Lets a real executor move whatever is ready.
    pub async fn settle(&self) {
        let bus = Arc::new(Confirming);
        let ports = executor::Ports {
            work: self.store.clone(),
            catalogue: self.store.clone(),
            members: self.store.clone(),
            bus,
            clock: Arc::new(SystemClock::default()),
            eager: Arc::default(),
        };
        let config = executor::Config {
            instance: "test:1".into(),
            shards: 16,
            capacity: 64,
            resumes: 4,
            actions_per_commit: 256,
            messages_per_minute: 20,
            confirm_timeout: SECOND,
            bundles: 8,
            heartbeat_interval: SECOND,
            poll_interval: Duration::from_millis(5),
            lease: 10 * SECOND,
            retry_after: SECOND,
            shutdown_grace: SECOND,
        };
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(executor::run(ports, config, shutdown.clone()));
        let deadline = tokio::time::Instant::now() + 20 * SECOND;
        loop {
            let depth = self.get("/v1/status").await.json["depth"].clone();
            if ["resumed", "new", "claimed"].iter().all(|lane| depth[lane] == 0) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "still at work after 20 s: {depth}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.cancel();
        running.await.unwrap();
    }
}

/// Commands go nowhere and are confirmed.
struct Confirming;

#[async_trait::async_trait]
impl Bus for Confirming {
    async fn consume(&self) -> Box<dyn Deliveries> {
        std::future::pending().await
    }

    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm> {
        commands.iter().map(|_| -> Confirm { Box::pin(std::future::ready(Ok(()))) }).collect()
    }

    fn announce(&self, _: Message) -> Confirm {
        Box::pin(std::future::ready(Ok(())))
    }

    fn reject(&self, _: Rejection) -> Confirm {
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_up(&self) -> bool {
        true
    }
}

/// Ids of actions, and whether they are conditional.
pub fn ids(actions: &Value) -> Vec<(String, bool)> {
    let id = |action: &Value| (action["id"].as_str().unwrap().to_owned(), action["conditional"] == true);
    actions.as_array().unwrap().iter().map(id).collect()
}

/// Whether a time is within a second: the executor lets the store's time go on.
pub fn is_at(time: &Value, second: &str) -> bool {
    time.as_str().is_some_and(|time| time.starts_with(second))
}
