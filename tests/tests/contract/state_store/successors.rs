//! The reference and the remaining inputs of an owner that ends.

use super::harness::*;
use common::ports::work::{Disposition, Transition};
use common::record::{Entry, State};

pub async fn an_ended_owner_gives_up_its_reference(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    let ended = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!((ended.record.state, ended.record.body.as_slice()), (State::Ended, &b"\x01body 1"[..]));
    w.applied(&call.incoming("e2")).await;
    assert_eq!(w.claim_one(call.shard()).await.claim.id, call.start("e2").id);
}

pub async fn what_an_ended_owner_did_not_take_starts_the_next(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.event("d1", "call.digits")).await;
    w.applied(&call.incoming("e2")).await;
    w.applied(&call.event("d2", "call.digits")).await;
    w.applied(&call.incoming("e3")).await;
    // The owner does not take the last three; d1 starts nothing and is dropped.
    w.end(&row).await;
    let next = w.claim_one(call.shard()).await;
    assert_eq!(next.claim.id, call.start("e2").id);
    assert_eq!(event_ids(&next), ["e2", "d2", "e3"]);
    assert!(next.record.owner);
    w.commit(&next, &Transition { consumed: 2, ..taking(&next) }, &Disposition::End { rest: vec![] }).await;
    assert_eq!(w.claim_one(call.shard()).await.claim.id, call.start("e3").id);
}

pub async fn what_the_next_owner_does_not_hear_goes_nowhere(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.incoming("e2")).await;
    let early = Entry::Event { kind: "sim.usage".into(), input: br#"{"id":"early"}"#.to_vec(), start: None };
    let waiting = w.store.get(row.claim.id).await.unwrap().unwrap().inbox[1].clone();
    w.commit(
        &row,
        &Transition { consumed: 2, ..taking(&row) },
        &Disposition::End { rest: vec![waiting, early] },
    )
    .await;
    assert_eq!(event_ids(&w.claim_one(call.shard()).await), ["e2"]);
}

pub async fn early_inputs_go_before_the_inbox_when_the_rest_is_delivered_again(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    w.applied(&call.incoming("e2")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.incoming("e3")).await;
    // e2 went into the cursor and was not used; it is redelivered with the activeflow that it would start.
    let rest: Vec<Entry> = row.inbox[1..].to_vec();
    w.commit(&row, &taking(&row), &Disposition::End { rest }).await;
    let next = w.claim_one(call.shard()).await;
    assert_eq!((next.claim.id, event_ids(&next)), (call.start("e2").id, vec!["e2".into(), "e3".into()]));
}
