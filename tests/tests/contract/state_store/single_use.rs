//! Single-use references: a call, a form or a job starts one activeflow.

use super::harness::*;
use super::suspects::dead_until_quarantined;
use common::ports::intake::{Deliver, Delivered, Destination, SingleUse};
use flow::Timestamp;

fn dated(call: &Call, event_id: &str, dated: Option<Timestamp>) -> Deliver {
    Deliver { single_use: Some(SingleUse { dated }), ..call.incoming(event_id) }
}

fn start(call: &Call, event_id: &str) -> Deliver {
    dated(call, event_id, None)
}

async fn answer(w: &StoreHarness, event: &Deliver) -> Delivered {
    w.store.deliver(event).await.unwrap()
}

pub async fn a_second_start_of_a_live_call_is_a_copy(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&start(&call, "e1")).await;
    for _ in 0..2 {
        assert_eq!(answer(w, &start(&call, "e2")).await, Delivered::Copy, "it is not marked as applied");
    }
    let later = Timestamp::from_micros(w.now().as_micros() + 60_000_000);
    assert_eq!(answer(w, &dated(&call, "e3", Some(later))).await, Delivered::Copy);
    w.applied(&call.event("e4", "call.digits")).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["e1", "e4"], "the owner does not get the copy");
}

pub async fn a_start_after_the_end_is_a_copy_unless_it_is_dated_after_the_end(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&start(&call, "e1")).await;
    w.advance(60);
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    let end = w.now();
    w.advance(60);
    for (event_id, time) in [("e2", None), ("e3", Some(end)), ("e4", Some(Timestamp::from_micros(1)))] {
        assert_eq!(answer(w, &dated(&call, event_id, time)).await, Delivered::Copy, "{event_id}");
    }
    let after = Timestamp::from_micros(end.as_micros() + 1);
    w.applied(&dated(&call, "e5", Some(after))).await;
    assert_eq!(w.claim_one(call.shard()).await.claim.id, call.start("e5").id);
    assert_eq!(answer(w, &start(&call, "e6")).await, Delivered::Copy);
}

pub async fn a_start_after_quarantine_is_a_copy(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&start(&call, "e1")).await;
    dead_until_quarantined(w, &call).await;
    assert_eq!(answer(w, &start(&call, "e2")).await, Delivered::Copy);
}

pub async fn a_used_reference_is_forgotten_with_the_end_of_its_activeflow(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&start(&call, "e1")).await;
    for _ in 0..3 {
        w.advance(3_000);
        w.store.sweep(call.shard(), &[]).await.unwrap();
        assert_eq!(answer(w, &start(&call, "e2")).await, Delivered::Copy, "however long it runs");
    }
    // The claim is not overdue: it is taken only now.
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    w.advance(3_599);
    w.store.sweep(call.shard(), &[]).await.unwrap();
    assert_eq!(answer(w, &start(&call, "e2")).await, Delivered::Copy);
    w.advance(2);
    w.store.sweep(call.shard(), &[]).await.unwrap();
    w.applied(&start(&call, "e2")).await;
}

pub async fn other_references_start_again_and_side_runs_start_beside_a_copy(w: &StoreHarness) {
    let (one, other) = (call("call-1"), call("call-2"));
    w.applied(&start(&one, "e1")).await;
    w.applied(&other.incoming("e1")).await;
    let row = w.claim_as(worker(1), other.shard(), 10).await;
    let row = row.into_iter().find(|row| row.claim.id == other.start("e1").id).unwrap();
    w.end(&row).await;
    w.applied(&other.incoming("e2")).await;

    let mut copy = start(&one, "e2");
    if let Destination::Reference { sides, .. } = &mut copy.to {
        sides.push(side_of(&one, "e2"));
    }
    w.applied(&copy).await;
    assert_eq!(answer(w, &start(&one, "e3")).await, Delivered::Copy);
}
