use super::*;
use crate::fakes::{World, published};
use flow::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const NUMBERS: [(&str, &str); 2] = [("from", "+15550100"), ("to", "+15550111")];

fn of(kind: &str) -> Delivery {
    let data = NUMBERS.into_iter().map(|(name, number)| (name.to_owned(), number.into()));
    published(kind, Some("8944"), serde_json::Value::Object(data.collect()))
}

/// Events of `kind` would start something, and every shard is too full.
async fn crowded(world: &Arc<World>, kind: &'static str) -> Dispatcher {
    *world.generation.lock().unwrap() = 1;
    *world.trigger.lock().unwrap() = Some(kind);
    let dispatcher = world.dispatcher();
    dispatcher.view.load().await;
    (0..4).for_each(|shard| dispatcher.gate.note(Shard(shard), 1_000, Duration::ZERO));
    dispatcher
}

async fn looked(kind: &'static str) -> bool {
    let world = Arc::new(World::default());
    let dispatcher = crowded(&world, kind).await;
    let delivery = of(kind);
    let read = read_guarded(&delivery, &BTreeMap::new());
    assert!(starts_something(
        &address(&read.clone().unwrap(), &dispatcher.view.definitions(), Timestamp::default(), 4).unwrap()
    ));
    assert_eq!(apply(&dispatcher, &delivery, read).await, EventOutcome::Applied);
    world.log().iter().any(|line| line == "depth")
}

#[tokio::test]
async fn in_a_full_shard_a_call_waits_and_what_may_be_for_who_runs_already_does_not() {
    assert!(looked("call.incoming").await);
    for kind in ["message.received", "sim.usage", "custom.order"] {
        assert!(!looked(kind).await, "{kind}");
    }
}

#[tokio::test]
async fn who_is_handled_alone_does_not_wait_for_a_full_shard() {
    let world = Arc::new(World::default());
    let dispatcher = crowded(&world, "call.incoming").await;
    assert_eq!(apply_alone(&dispatcher, &of("call.incoming")).await, EventOutcome::Applied);
    assert!(!world.log().iter().any(|line| line == "depth"), "{:?}", world.log());
}
