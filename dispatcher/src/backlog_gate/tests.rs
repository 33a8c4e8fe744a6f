use super::*;
use crate::fakes::Harness;
use std::sync::Arc;

#[tokio::test]
async fn a_shard_with_too_large_a_backlog_starts_nothing_until_it_was_measured_and_other_shards_go_on() {
    let harness = Arc::new(Harness::default());
    let dispatcher = harness.dispatcher();
    let gate = BacklogGate::new(100, 50);
    gate.record(Shard(0), 101, Duration::ZERO);
    gate.record(Shard(1), 100, Duration::ZERO);
    gate.wait_until_open(&dispatcher.ports, Shard(1)).await;
    assert!(harness.log().is_empty());
    gate.wait_until_open(&dispatcher.ports, Shard(0)).await;
    assert_eq!(harness.log(), ["depth"]);
    gate.wait_until_open(&dispatcher.ports, Shard(0)).await;
    assert_eq!(harness.log(), ["depth"]);
}

#[tokio::test]
async fn a_gate_with_a_lower_limit_of_zero_opens_when_the_shard_is_empty() {
    let harness = Arc::new(Harness::default());
    let dispatcher = harness.dispatcher();
    let gate = BacklogGate::new(100, 0);
    gate.record(Shard(0), 101, Duration::ZERO);
    let passed =
        tokio::time::timeout(Duration::from_secs(5), gate.wait_until_open(&dispatcher.ports, Shard(0)));
    passed.await.expect("an empty shard is not too full");
}
