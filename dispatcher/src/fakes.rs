//! A harness for the dispatcher's tests: scripted consumer sessions, the in-memory model as the store, with scripted
//! failures, and one log of the calls.

use crate::config::Config;
use crate::dispatcher::Dispatcher;
use crate::ports::Ports;
use crate::realms::Realms;
use adapters::memory::{Limits, ManualTime, Store};
use async_trait::async_trait;
use common::command::Message;
use common::member::MemberId;
use common::ports::bus::{Confirm, Deliveries, Delivery, Rejection};
use common::ports::catalogue::{Publication, Published};
use common::ports::intake::{Deliver, Delivered};
use common::ports::upkeep::{Depth, SweepReport, Upkeep};
use common::ports::work::Wakeups;
use common::ports::{Bus, Catalogue, Clock, Intake};
use common::{BusError, EventKey, Shard, StoreError};
use flow::definitions::Deployed;
use flow::route::{Route, Window};
use flow::{Class, Definitions, Event, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const SHARDS: u16 = 4;

#[derive(Default)]
pub struct Harness {
    model: Model,
    sessions: Mutex<VecDeque<UnboundedReceiver<Delivery>>>,
    /// All calls, in order: `begin e1`, `end e1`, `ack 3`, `reject malformed_json`, ...
    log: Arc<Mutex<Vec<String>>>,
    /// Number of deliveries of an event that the store does not answer.
    pub unanswered: Mutex<BTreeMap<String, u32>>,
    /// Number of deliveries of an event that meet a record of a newer format.
    pub too_new: Mutex<BTreeMap<String, u32>>,
    /// The first answers for an event; after these the model answers.
    pub answers: Mutex<BTreeMap<String, VecDeque<Delivered>>>,
    /// Generations by which the delivered events were addressed, in order.
    pub generations: Mutex<Vec<u64>>,
    pub attempts: Mutex<u32>,
    /// Number of rejections that the broker refuses.
    pub rejected_refused: Mutex<u32>,
    /// Number of rejections that the broker does not confirm.
    pub rejected_unconfirmed: Mutex<u32>,
    time: Mutex<Duration>,
}

/// The in-memory model.
struct Model(Arc<Store>);

impl Default for Model {
    fn default() -> Self {
        Model(Arc::new(Store::new(SHARDS, Limits::default(), ManualTime::default())))
    }
}

impl Harness {
    pub fn session(&self) -> UnboundedSender<Delivery> {
        let (sender, receiver) = unbounded_channel();
        self.sessions.lock().unwrap().push_back(receiver);
        sender
    }

    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            bus: self.clone(),
            intake: self.clone(),
            catalogue: self.model.0.clone(),
            members: self.model.0.clone(),
            upkeep: self.clone(),
            clock: self.clone(),
            eager: None,
        }
    }

    pub fn dispatcher(self: &Arc<Self>) -> Dispatcher {
        let second = Duration::from_secs(1);
        let config = Config {
            instance: "test".into(),
            realms: Realms::default(),
            max_in_flight: 16,
            backlog_high: 100,
            backlog_low: 50,
            heartbeat_interval: second,
            shutdown_grace: second,
        };
        Dispatcher::new(self.ports(), config)
    }

    /// Publishes empty definitions until `generation` is the newest.
    pub async fn publish_through(&self, generation: u64) {
        let newest = self.model.0.definitions(0).await.unwrap().map_or(0, |newest| newest.generation);
        for generation in newest + 1..=generation {
            self.publish(Definitions { generation, ..Definitions::default() }).await;
        }
    }

    /// Routes every address to a flow that starts by events of the type `trigger`.
    pub async fn publish_routes(&self, trigger: &str) {
        let flows = [("flow".to_owned(), deployed(trigger))].into();
        let routes = ["call", "sms", "sim", "custom"].map(route).into();
        self.publish(Definitions { generation: 1, flows, routes }).await;
    }

    async fn publish(&self, definitions: Definitions) {
        let publication = Publication { definitions, ..Publication::default() };
        assert_eq!(self.model.0.publish(&publication).await.unwrap(), Published::Done);
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn position_of(&self, line: &str) -> usize {
        let log = self.log();
        log.iter().position(|l| l == line).unwrap_or_else(|| panic!("no `{line}` in {log:?}"))
    }

    fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

/// A route that always takes every address of `kind`.
pub fn route(kind: &str) -> Route {
    Route {
        id: format!("{kind}=*"),
        kind: kind.to_owned(),
        pattern: "*".into(),
        flow_id: "flow".into(),
        customer_id: "acme".into(),
        priority: 0,
        window: Window::default(),
        closed_at: None,
    }
}

/// The flow of the routes.
pub fn deployed(trigger: &str) -> Deployed {
    Deployed {
        id: "flow".into(),
        name: "Support".into(),
        customer_id: "owner".into(),
        version: 3,
        bundle: "ab".repeat(32),
        trigger: Some(trigger.to_owned()),
        class: Class::Voice,
        hears: ["call.hangup".to_owned()].into(),
        deployed_at: Timestamp::default(),
    }
}

/// An event of `kind`.
pub fn published(kind: &str, subject: Option<&str>, data: serde_json::Value) -> Delivery {
    let mut event =
        serde_json::json!({ "specversion": "1.0", "id": "e1", "source": "sbc", "type": kind, "data": data });
    if let Some(subject) = subject {
        event["subject"] = subject.into();
    }
    Delivery { body: event.to_string().into_bytes(), ..delivery(1, "e1", "a") }
}

/// Digits for a call.
pub fn delivery(tag: u64, id: &str, call: &str) -> Delivery {
    let event = serde_json::json!({
        "specversion": "1.0", "id": id, "source": "sbc", "type": "call.digits", "subject": call,
        "data": { "digits": "1" },
    });
    Delivery {
        tag,
        body: event.to_string().into_bytes(),
        routing_key: "call.digits".into(),
        reference: Some(call.into()),
        message_id: Some(id.into()),
        traceparent: None,
        user_id: None,
        delivery_count: 0,
        unreadable: None,
    }
}

struct Session {
    log: Arc<Mutex<Vec<String>>>,
    deliveries: UnboundedReceiver<Delivery>,
}

#[async_trait]
impl Deliveries for Session {
    async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }
    fn ack_through(&self, tag: u64) {
        self.log.lock().unwrap().push(format!("ack {tag}"));
    }
}

#[async_trait]
impl Bus for Harness {
    async fn consume(&self) -> Box<dyn Deliveries> {
        let deliveries = self.sessions.lock().unwrap().pop_front();
        match deliveries {
            Some(deliveries) => Box::new(Session { log: self.log.clone(), deliveries }),
            None => std::future::pending().await,
        }
    }
    fn publish_all(&self, _: Vec<Message>) -> Vec<Confirm> {
        unreachable!("a dispatcher publishes no command")
    }
    fn announce(&self, _: Message) -> Confirm {
        unreachable!("a dispatcher announces nothing")
    }
    fn reject(&self, rejection: Rejection) -> Confirm {
        self.note(format!("reject {}", rejection.reason));
        let to = "rejected".to_owned();
        let mut unconfirmed = self.rejected_unconfirmed.lock().unwrap();
        let mut refused = self.rejected_refused.lock().unwrap();
        let answer = if *unconfirmed > 0 {
            *unconfirmed -= 1;
            Err(BusError::Unconfirmed { to, reason: "test".into() })
        } else if *refused > 0 {
            *refused -= 1;
            Err(BusError::Nacked { to })
        } else {
            Ok(())
        };
        Box::pin(std::future::ready(answer))
    }
    fn is_up(&self) -> bool {
        true
    }
}

#[async_trait]
impl Intake for Harness {
    fn shards(&self) -> u16 {
        SHARDS
    }
    async fn deliver(&self, deliver: &Deliver) -> Result<Delivered, StoreError> {
        let event: Event = serde_json::from_slice(&deliver.input).unwrap();
        let id = event.id;
        self.note(format!("begin {id}"));
        self.generations.lock().unwrap().push(deliver.generation);
        // Other events get a chance to overtake.
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
        if let Some(left) = self.unanswered.lock().unwrap().get_mut(&id)
            && *left > 0
        {
            *left -= 1;
            return Err(StoreError::Unanswered { operation: "deliver", reason: "test".into() });
        }
        if let Some(left) = self.too_new.lock().unwrap().get_mut(&id)
            && *left > 0
        {
            *left -= 1;
            return Err(StoreError::TooNew { operation: "deliver", found: 2, supported: 1 });
        }
        self.note(format!("end {id}"));
        let scripted = self.answers.lock().unwrap().get_mut(&id).and_then(VecDeque::pop_front);
        match scripted {
            Some(answer) => Ok(answer),
            None => self.model.0.deliver(deliver).await,
        }
    }
    async fn count_attempt(&self, _: Shard, _: EventKey, _: u64) -> Result<u32, StoreError> {
        self.note("count");
        let mut attempts = self.attempts.lock().unwrap();
        *attempts += 1;
        Ok(*attempts)
    }
}

#[async_trait]
impl Upkeep for Harness {
    async fn sweep(&self, _: Shard, _: &[MemberId]) -> Result<SweepReport, StoreError> {
        unreachable!("a dispatcher does not sweep")
    }
    async fn depth(&self, shard: Shard) -> Result<Depth, StoreError> {
        self.note("depth");
        self.model.0.depth(shard).await
    }
    async fn listen_due(&self) -> Box<dyn Wakeups> {
        unreachable!("a dispatcher does not listen for due waits")
    }
}

/// Sleeping advances the time.
#[async_trait]
impl Clock for Harness {
    fn monotonic(&self) -> Duration {
        *self.time.lock().unwrap()
    }
    async fn sleep(&self, duration: Duration) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        *self.time.lock().unwrap() += duration;
    }
}
