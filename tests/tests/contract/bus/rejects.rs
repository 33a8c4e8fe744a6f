//! Rejected events are kept unchanged until an operator replays or discards them.

use super::harness::{BusHarness, Kind, Limits, SOON, next};
use common::ports::bus::Rejection;
use common::ports::error::BusError;
use common::ports::rejects::{Rejected, Selection};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::time::sleep;

fn rejection(id: &str) -> Rejection {
    Rejection {
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
    let Rejection { reason, message, body, original } = rejection(id);
    Rejected { reason, message, body, original }
}

fn only(id: &str) -> Selection {
    Selection::MessageIds(BTreeSet::from([id.to_owned()]))
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
