//! Rejected events are kept unchanged until an operator replays or discards them.

use super::harness::{BusHarness, Kind, Limits, SOON, next};
use common::ports::bus::Rejection;
use common::ports::error::BusError;
use common::ports::rejects::{MAX_LISTED_BODY, Rejected, Selection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub fn rejection(id: &str) -> Rejection {
    Rejection {
        id: format!("entry-{id}"),
        reason: "malformed_json".into(),
        message: "column 3: expected `:`, found `}`".into(),
        body: [b"\xff\0 of ", id.as_bytes()].concat(),
        original: BTreeMap::from(
            [
                ("routing_key", "call.incoming"),
                ("reference", "call-1"),
                ("message_id", id),
                ("user_id", "guest"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    }
}

fn rejected(id: &str) -> Rejected {
    let Rejection { id, reason, message, body, original } = rejection(id);
    Rejected { id, reason, message, size: body.len(), body, original }
}

fn only(id: &str) -> Selection {
    Selection::Ids(BTreeSet::from([id.to_owned()]))
}

/// Sorted by id, because RabbitMQ requeues listed events in another order.
async fn listed(harness: &BusHarness, limit: usize) -> Vec<Rejected> {
    let mut listed = harness.rejects.list(limit).await.expect("a list");
    listed.sort_by(|a, b| a.body.cmp(&b.body));
    listed
}

pub async fn rejected_events_are_listed_replayed_and_discarded(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    assert_eq!(listed(&harness, 10).await, []);
    for id in ["a", "b", "c"] {
        harness.bus.reject(rejection(id)).await.expect("stored");
    }
    assert_eq!(listed(&harness, 2).await.len(), 2);
    for _ in 0..2 {
        assert_eq!(listed(&harness, 10).await, ["a", "b", "c"].map(rejected), "listing does not remove them");
    }
    assert_eq!(harness.rejects.replay(&only("b")).await, Ok(1));
    let mut deliveries = harness.bus.consume().await;
    let replayed = next(&mut deliveries).await;
    assert_eq!(replayed.body, rejection("b").body);
    assert_eq!(replayed.routing_key, "call.incoming");
    assert_eq!(replayed.reference.as_deref(), Some("call-1"));
    assert_eq!(replayed.message_id.as_deref(), Some("b"));
    assert_eq!(replayed.user_id.as_deref(), Some("guest"));
    assert_eq!(harness.rejects.discard(&only("zzz")).await, Ok(0));
    assert_eq!(harness.rejects.discard(&only("a")).await, Ok(1));
    assert_eq!(harness.rejects.replay(&Selection::All).await, Ok(1));
    assert_eq!(next(&mut deliveries).await.body, rejection("c").body);
    assert_eq!(listed(&harness, 10).await, []);
}

/// Also copies of one event, and events without a message id.
pub async fn every_entry_has_an_id_of_its_own(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let without = |id: &str| {
        let mut rejection = Rejection { id: id.into(), ..rejection("same") };
        rejection.original.remove("message_id");
        rejection
    };
    for id in ["1", "2", "3"] {
        harness.bus.reject(without(id)).await.expect("stored");
    }
    let harness = harness.reopened().await;
    let mut ids: Vec<_> = listed(&harness, 10).await.into_iter().map(|entry| entry.id).collect();
    ids.sort();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(harness.rejects.discard(&only("2")).await, Ok(1));
    assert_eq!(harness.rejects.replay(&only("3")).await, Ok(1));
    assert_eq!(harness.rejects.replay(&only("3")).await, Ok(0));
    let left: Vec<_> = listed(&harness, 10).await.into_iter().map(|entry| entry.id).collect();
    assert_eq!(left, ["1"]);
}

pub async fn a_list_shows_the_beginning_of_a_large_body(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let large = Rejection { body: vec![b'x'; 1_000_000], ..rejection("a") };
    harness.bus.reject(large.clone()).await.expect("stored");
    let entry = listed(&harness, 10).await.remove(0);
    assert_eq!((entry.body.len(), entry.size), (MAX_LISTED_BODY, 1_000_000));
    assert_eq!(harness.rejects.replay(&only(&entry.id)).await, Ok(1));
    let mut deliveries = harness.bus.consume().await;
    assert_eq!(next(&mut deliveries).await.body, large.body);
}

pub async fn a_full_rejected_queue_refuses(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { rejected: 2_000, ..Limits::default() }).await;
    let mut kept = 0;
    let refusal = loop {
        match harness.bus.reject(rejection("a")).await {
            Ok(()) => kept += 1,
            Err(refusal) => break refusal,
        }
        assert!(kept < 1_000, "the limit has no effect");
    };
    assert!(matches!(refusal, BusError::Nacked { .. }), "{refusal:?}");
    assert_eq!(
        harness.rejects.discard(&Selection::All).await,
        Ok(kept),
        "every confirmed rejection is stored"
    );
    let started = Instant::now();
    while harness.bus.reject(rejection("a")).await.is_err() {
        assert!(started.elapsed() < SOON, "the queue is empty and still refuses");
        sleep(Duration::from_millis(20)).await;
    }
}

pub async fn what_was_rejected_outlives_a_bus(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    for id in ["a", "b", "c"] {
        harness.bus.reject(rejection(id)).await.expect("stored");
    }
    assert_eq!(harness.rejects.discard(&only("a")).await, Ok(1));
    let harness = harness.reopened().await;
    assert_eq!(listed(&harness, 10).await, ["b", "c"].map(rejected));
    assert_eq!(harness.rejects.replay(&only("b")).await, Ok(1));
    let harness = harness.reopened().await;
    harness.bus.reject(rejection("d")).await.expect("stored");
    assert_eq!(listed(&harness, 10).await, ["c", "d"].map(rejected));
    assert_eq!(next(&mut harness.bus.consume().await).await.body, rejection("b").body);
}
