//! The process dies right after an answer: everything that was answered is stored.

use super::harness::{BusHarness, Kind, command, message, next, number};
use super::queues::{all, open, publish};
use common::ports::bus::Rejection;
use common::ports::rejects::Selection;
use std::collections::BTreeMap;

pub async fn what_was_answered_is_there_however_soon_the_process_dies(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    drop(open(&harness, "gateway", &["call.#"], None).await);
    let harness = harness.killed();
    publish(&harness, &[message(1), message(2)]).await;
    let harness = harness.killed();
    let rejection = Rejection {
        id: "7".into(),
        reason: "malformed_json".into(),
        message: "column 3".into(),
        body: b"7".to_vec(),
        original: BTreeMap::new(),
    };
    harness.bus.reject(rejection).await.expect("stored");
    let harness = harness.killed();
    harness.offer(6).await.expect("confirmed");
    let harness = harness.killed();
    assert_eq!(harness.rejects.replay(&Selection::All).await, Ok(1));
    let harness = harness.killed();
    let mut deliveries = harness.bus.consume().await;
    assert_eq!((number(&next(&mut deliveries).await), number(&next(&mut deliveries).await)), (6, 7));
    assert_eq!(harness.rejects.list(10).await, Ok(Vec::new()));
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    let (position, first) = command(&mut reader).await;
    assert_eq!(first, message(1));
    assert_eq!(harness.commands().ack("gateway", position).await, Ok(1));
    let harness = harness.killed();
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    assert_eq!(command(&mut reader).await.1, message(2));
    assert_eq!(harness.commands().delete("gateway").await, Ok(Some(1)));
    assert_eq!(harness.killed().commands().delete("gateway").await, Ok(None));
}

pub async fn what_a_queue_took_over_is_not_unrouted_any_more(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    publish(&harness, &[message(1)]).await;
    drop(open(&harness, "gateway", &["call.#"], None).await);
    let harness = harness.killed();
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    assert_eq!(all(&harness, &mut reader, "call.end").await.len(), 1);
    harness.commands().delete("gateway").await.expect("deleted");
    let harness = harness.killed();
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    assert_eq!(all(&harness, &mut reader, "call.end").await, []);
}
