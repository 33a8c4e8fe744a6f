use super::*;
use crate::fakes::{Harness, published};
use common::address::address;
use common::ports::EagerStarts;
use common::ports::intake::Delivered;
use common::ports::work::Token;
use common::store_time::StoreTime;
use flow::Timestamp;
use std::collections::VecDeque;
use std::sync::Mutex;

const NUMBERS: [(&str, &str); 2] = [("from", "+15550100"), ("to", "+15550111")];

fn of(kind: &str) -> Delivery {
    let data = NUMBERS.into_iter().map(|(name, number)| (name.to_owned(), number.into()));
    let mut data: serde_json::Map<_, _> = data.collect();
    data.insert("total_bytes".into(), 1.into());
    published(kind, Some("8944"), serde_json::Value::Object(data))
}

/// A dispatcher for which events of `kind` would start an activeflow, and whose shards are all closed.
async fn crowded(harness: &Arc<Harness>, kind: &'static str) -> Dispatcher {
    harness.publish_routes(kind).await;
    let dispatcher = harness.dispatcher();
    dispatcher.definitions.load().await;
    (0..4).for_each(|shard| dispatcher.backlog_gate.record(Shard(shard), 1_000, Duration::ZERO));
    dispatcher
}

/// Whether an event of `kind` waited until the backlog of its shard was measured.
async fn waits(kind: &'static str) -> bool {
    let harness = Arc::new(Harness::default());
    let dispatcher = crowded(&harness, kind).await;
    let delivery = of(kind);
    let read = read(&delivery, &crate::realms::Realms::default());
    assert!(would_start(
        &address(&read.clone().unwrap(), &dispatcher.definitions.get(), Timestamp::default(), 4).unwrap()
    ));
    assert_eq!(apply(&dispatcher, &delivery, read).await, CountedOutcome::Applied);
    harness.log().iter().any(|line| line == "depth")
}

#[tokio::test]
async fn in_a_full_shard_a_call_waits_and_an_event_that_a_running_activeflow_may_hear_does_not() {
    assert!(waits("call.incoming").await);
    for kind in ["message.received", "sim.usage", "custom.order"] {
        assert!(!waits(kind).await, "{kind}");
    }
}

#[tokio::test]
async fn an_event_that_is_handled_alone_does_not_wait_for_a_full_shard() {
    let harness = Arc::new(Harness::default());
    let dispatcher = crowded(&harness, "call.incoming").await;
    assert_eq!(apply_alone(&dispatcher, &of("call.incoming")).await, CountedOutcome::Applied);
    assert!(!harness.log().iter().any(|line| line == "depth"), "{:?}", harness.log());
}

/// An executor that always has room, and notes what becomes of its places.
#[derive(Default)]
struct Places(Mutex<Vec<&'static str>>);

struct NotedPlace(Arc<Places>, &'static str);

impl EagerStarts for Places {
    fn place(self: Arc<Self>, _: &Deliver) -> Option<Box<dyn Place>> {
        Some(Box::new(NotedPlace(self, "outcome unknown")))
    }
}

impl Place for NotedPlace {
    fn token(&self) -> Token {
        Token { worker: 1.into(), nonce: 1 }
    }

    fn begin(mut self: Box<Self>, _: &Deliver, _: StoreTime) {
        self.1 = "begun";
    }

    fn give_back(mut self: Box<Self>) {
        self.1 = "given back";
    }
}

impl Drop for NotedPlace {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push(self.1);
    }
}

/// What becomes of the places of an event that gets these answers.
async fn places(harness: Arc<Harness>, answers: Vec<Delivered>) -> Vec<&'static str> {
    let (delivery, executor) = (of("call.incoming"), Arc::new(Places::default()));
    let event: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    harness.answers.lock().unwrap().insert(event["id"].as_str().unwrap().into(), VecDeque::from(answers));
    harness.publish_routes("call.incoming").await;
    let mut dispatcher = harness.dispatcher();
    dispatcher.ports.eager = Some(executor.clone());
    dispatcher.definitions.load().await;
    let read = read(&delivery, &crate::realms::Realms::default());
    apply(&dispatcher, &delivery, read).await;
    executor.0.lock().unwrap().clone()
}

#[tokio::test]
async fn a_place_is_begun_when_the_store_claimed_and_given_back_when_it_cannot_have() {
    let applied = |claimed| Delivered::Applied { to: None, started: vec![], backlog: 0, claimed };
    let of = async |answers| places(Arc::default(), answers).await;
    assert_eq!(of(vec![applied(Some(Timestamp::default()))]).await, ["begun"]);
    for answer in [applied(None), Delivered::Duplicate, Delivered::Copy, Delivered::Unmatched] {
        assert_eq!(of(vec![answer.clone()]).await, ["given back"], "{answer:?}");
    }
}

#[tokio::test]
async fn a_place_whose_claim_is_not_known_is_never_given_back() {
    let stale = Delivered::StaleDefinitions { generation: 1 };
    let found = places(Arc::default(), vec![stale, Delivered::Duplicate]).await;
    assert_eq!(found, ["outcome unknown", "given back"], "an earlier try may have claimed");
    let harness = Arc::new(Harness::default());
    let delivery = of("call.incoming");
    let event: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    harness.too_new.lock().unwrap().insert(event["id"].as_str().unwrap().into(), 1);
    assert_eq!(places(harness, vec![Delivered::Duplicate]).await, ["outcome unknown", "given back"]);
}
