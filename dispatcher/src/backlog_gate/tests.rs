use super::*;
use crate::fakes::World;
use std::sync::Arc;

#[tokio::test]
async fn a_shard_that_is_too_full_lets_nothing_start_until_it_was_looked_at_and_others_go_on() {
    let world = Arc::new(World::default());
    let dispatcher = world.dispatcher();
    let gate = Gate::new(100, 50);
    gate.note(Shard(0), 101, Duration::ZERO);
    gate.note(Shard(1), 100, Duration::ZERO);
    gate.pass(&dispatcher.ports, Shard(1)).await;
    assert!(world.log().is_empty());
    gate.pass(&dispatcher.ports, Shard(0)).await;
    assert_eq!(world.log(), ["depth"]);
    gate.pass(&dispatcher.ports, Shard(0)).await;
    assert_eq!(world.log(), ["depth"]);
}

#[tokio::test]
async fn a_gate_without_a_lower_mark_opens_when_the_shard_is_empty() {
    let world = Arc::new(World::default());
    let dispatcher = world.dispatcher();
    let gate = Gate::new(100, 0);
    gate.note(Shard(0), 101, Duration::ZERO);
    let passed = tokio::time::timeout(Duration::from_secs(5), gate.pass(&dispatcher.ports, Shard(0)));
    passed.await.expect("an empty shard is not too full");
}
