use super::*;
use crate::fakes::{Harness, published};
use common::address::address;
use flow::Timestamp;

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
