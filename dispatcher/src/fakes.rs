//! A world for the dispatcher's tests: a bus that hands out scripted sessions, a store that notes what it is asked.

use crate::{Config, Dispatcher, Ports};
use async_trait::async_trait;
use common::command::Message;
use common::member::{Member, MemberId};
use common::ports::bus::{Confirm, Deliveries, Delivery, Rejection};
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::upkeep::{Depth, Swept, Upkeep};
use common::ports::work::Wakeups;
use common::ports::{Bus, Catalogue, Clock, Intake, Members};
use common::{BusError, EventKey, Shard, StoreError};
use flow::definitions::Deployed;
use flow::route::{Route, Window};
use flow::{Class, Definitions, Event, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Default)]
pub struct World {
    pub sessions: Mutex<VecDeque<UnboundedReceiver<Delivery>>>,
    /// Everything that happened, in order: `begin e1`, `stored e1`, `ack 3`, `reject malformed_json`, ...
    log: Arc<Mutex<Vec<String>>>,
    /// How often the store does not answer for an event.
    pub unanswered: Mutex<BTreeMap<String, u32>>,
    /// How often an event meets a record that is too new.
    pub too_new: Mutex<BTreeMap<String, u32>>,
    /// The first answers for an event; after these it is applied.
    pub answers: Mutex<BTreeMap<String, VecDeque<Delivered>>>,
    pub generation: Mutex<u64>,
    /// The event that starts the flow to which every address is routed.
    pub trigger: Mutex<Option<&'static str>>,
    pub attempts: Mutex<u32>,
    pub rejected_full: Mutex<bool>,
    /// How often the broker does not confirm a rejected event.
    pub rejected_unconfirmed: Mutex<u32>,
    time: Mutex<Duration>,
}

impl World {
    pub fn session(&self) -> UnboundedSender<Delivery> {
        let (sender, receiver) = unbounded_channel();
        self.sessions.lock().unwrap().push_back(receiver);
        sender
    }

    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            bus: self.clone(),
            intake: self.clone(),
            catalogue: self.clone(),
            members: self.clone(),
            upkeep: self.clone(),
            clock: self.clone(),
        }
    }

    pub fn dispatcher(self: &Arc<Self>) -> Dispatcher {
        let second = Duration::from_secs(1);
        let config = Config {
            instance: "test".into(),
            realms: BTreeMap::new(),
            max_in_flight: 16,
            backlog_high: 100,
            backlog_low: 50,
            heartbeat_interval: second,
            shutdown_grace: second,
        };
        Dispatcher::new(self.ports(), config)
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn place_of(&self, line: &str) -> usize {
        let log = self.log();
        log.iter().position(|l| l == line).unwrap_or_else(|| panic!("no `{line}` in {log:?}"))
    }

    fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }
}

/// Takes every address of `kind`, always.
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
    }
}

struct Session {
    log: Arc<Mutex<Vec<String>>>,
    coming: UnboundedReceiver<Delivery>,
}

#[async_trait]
impl Deliveries for Session {
    async fn next(&mut self) -> Option<Delivery> {
        self.coming.recv().await
    }
    fn ack_through(&self, tag: u64) {
        self.log.lock().unwrap().push(format!("ack {tag}"));
    }
}

#[async_trait]
impl Bus for World {
    async fn consume(&self) -> Box<dyn Deliveries> {
        let coming = self.sessions.lock().unwrap().pop_front();
        match coming {
            Some(coming) => Box::new(Session { log: self.log.clone(), coming }),
            None => std::future::pending().await,
        }
    }
    fn publish(&self, _: Message) -> Confirm {
        Box::pin(std::future::ready(Ok(())))
    }
    fn announce(&self, _: Message) -> Confirm {
        Box::pin(std::future::ready(Ok(())))
    }
    fn reject(&self, rejection: Rejection) -> Confirm {
        self.note(format!("reject {}", rejection.reason));
        let to = "rejected".to_owned();
        let mut unconfirmed = self.rejected_unconfirmed.lock().unwrap();
        let answer = if *unconfirmed > 0 {
            *unconfirmed -= 1;
            Err(BusError::Unconfirmed { to, reason: "test".into() })
        } else if *self.rejected_full.lock().unwrap() {
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
impl Intake for World {
    fn shards(&self) -> u16 {
        4
    }
    async fn deliver(&self, deliver: &Deliver) -> Result<Delivered, StoreError> {
        let event: Event = serde_json::from_slice(&deliver.input).unwrap();
        let id = event.id;
        self.note(format!("begin {id}"));
        // Others get a chance to overtake.
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
        Ok(scripted.unwrap_or(Delivered::Applied { to: None, started: Vec::new(), backlog: 0 }))
    }
    async fn count_attempt(&self, _: Shard, _: EventKey, _: u64) -> Result<u32, StoreError> {
        self.note("count");
        let mut attempts = self.attempts.lock().unwrap();
        *attempts += 1;
        Ok(*attempts)
    }
}

#[async_trait]
impl Catalogue for World {
    async fn publish(&self, _: &Publication) -> Result<Published, StoreError> {
        Ok(Published::Done)
    }
    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        let generation = *self.generation.lock().unwrap();
        self.note(format!("definitions {generation}"));
        let Some(trigger) = *self.trigger.lock().unwrap() else {
            return Ok((than < generation).then(|| Definitions { generation, ..Definitions::default() }));
        };
        let routes = ["call", "sms", "sim", "custom"].map(route).into();
        let flows = [("flow".to_owned(), deployed(trigger))].into();
        Ok((than < generation).then_some(Definitions { generation, flows, routes }))
    }
    async fn bundle(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::default())
    }
    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError> {
        Ok(RouteTransitionRecord {
            transition: transition.clone(),
            recorded_at: Timestamp::default(),
            published: true,
        })
    }
    async fn route_transition_published(&self, _: &RouteTransition) -> Result<(), StoreError> {
        Ok(())
    }
    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Upkeep for World {
    async fn sweep(&self, _: Shard, _: &[MemberId]) -> Result<Swept, StoreError> {
        Ok(Swept::default())
    }
    async fn depth(&self, _: Shard) -> Result<Depth, StoreError> {
        self.note("depth");
        Ok(Depth::default())
    }
    async fn listen_due(&self) -> Box<dyn Wakeups> {
        std::future::pending().await
    }
}

#[async_trait]
impl Members for World {
    async fn heartbeat(&self, me: &Member, _: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        Ok(vec![me.clone()])
    }
    async fn leave(&self, _: MemberId) -> Result<(), StoreError> {
        Ok(())
    }
    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        Ok(Vec::new())
    }
}

/// Sleeping moves the time on.
#[async_trait]
impl Clock for World {
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

/// Hears warnings: their fields, without the sentence.
#[derive(Clone, Default)]
pub struct Ears(Arc<Mutex<Vec<String>>>);

impl Ears {
    pub fn warnings(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl tracing::Subscriber for Ears {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.is_event()
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0.join(" "));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[derive(Default)]
struct Fields(Vec<String>);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() != "message" {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }
}
