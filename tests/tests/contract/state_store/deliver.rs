//! Delivery of events.

use super::harness::*;
use common::limits::{INBOX_BYTES, INBOX_ENTRIES};
use common::ports::intake::{Deliver, Delivered, Destination};
use common::ports::work::{Disposition, Transition};
use common::record::{EarlyInputs, State};
use common::{EventKey, Shard};

pub async fn an_event_delivered_twice_counts_once(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    assert_eq!(w.store.deliver(&call.incoming("e1")).await.unwrap(), Delivered::Duplicate);
    let rows = w.claim_as(worker(1), call.shard(), 10).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].claim.id, call.start("e1").id);
    assert_eq!(event_ids(&rows[0]), ["e1"]);
    assert_eq!(rows[0].record.spec, call.start("e1").spec);
}

pub async fn the_owner_takes_what_it_hears_in_order(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    for n in 2..6 {
        w.applied(&call.event(&format!("e{n}"), "call.digits")).await;
    }
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["e1", "e2", "e3", "e4", "e5"]);
}

pub async fn an_event_nobody_hears_is_unmatched_and_may_come_again(w: &StoreHarness) {
    let call = call("call-1");
    assert_eq!(w.store.deliver(&call.event("e1", "call.digits")).await.unwrap(), Delivered::Unmatched);
    w.applied(&call.incoming("e0")).await;
    w.applied(&call.event("e1", "call.digits")).await;
}

pub async fn a_family_of_events_is_heard_by_its_pattern(w: &StoreHarness) {
    let call = call("call-1");
    let mut event = call.incoming("e1");
    if let Destination::Reference { owner: Some(start), .. } = &mut event.to {
        start.spec.hears = ["sim.*".to_string()].into();
    }
    w.applied(&event).await;
    w.applied(&call.event("e2", "sim.usage")).await;
    for unheard in ["simulated.usage", "call.digits"] {
        let event = call.event(unheard, unheard);
        assert_eq!(w.store.deliver(&event).await.unwrap(), Delivered::Unmatched, "{unheard}");
    }
}

pub async fn an_unheard_event_that_starts_something_waits_for_the_end_of_the_owner(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    for id in ["e2", "e3"] {
        w.applied(&Deliver { kind: "call.outgoing".into(), ..call.incoming(id) }).await;
    }
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["e1", "e2", "e3"]);
    w.commit(&row, &Transition { consumed: 1, ..taking(&row) }, &Disposition::End { rest: vec![] }).await;
    // The first of the two owns the reference next, and keeps the second, which it does not hear either.
    let row = w.claim_one(call.shard()).await;
    assert_eq!((row.claim.id, event_ids(&row)), (call.start("e2").id, vec!["e2".into(), "e3".into()]));
}

pub async fn what_waits_to_start_counts_against_the_inbox(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let starting = |n| Deliver { kind: "call.outgoing".into(), ..call.incoming(&format!("start-{n}")) };
    for n in 1..INBOX_ENTRIES {
        w.applied(&starting(n)).await;
    }
    let owner = call.start("e1").id;
    let refused = w.store.deliver(&starting(INBOX_ENTRIES)).await.unwrap();
    assert_eq!(refused, Delivered::InboxFull { owner });
}

pub async fn a_side_run_starts_beside_the_owner_and_hears_only_commands(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let mut event = call.event("e2", "call.digits");
    if let Destination::Reference { sides, .. } = &mut event.to {
        sides.push(side_of(&call, "e2"));
    }
    w.applied(&event).await;
    w.applied(&call.event("e3", "call.digits")).await;
    let rows = w.claim_as(worker(1), call.shard(), 10).await;
    let owner = rows.iter().find(|row| row.record.owner).unwrap();
    let side = rows.iter().find(|row| !row.record.owner).unwrap();
    assert_eq!(event_ids(owner), ["e1", "e2", "e3"]);
    assert_eq!(event_ids(side), ["e2"]);
    w.end(side).await;
    w.applied(&call.event("e4", "call.digits")).await;
    let found = w.store.get(owner.claim.id).await.unwrap().unwrap();
    assert_eq!(event_ids(&found), ["e1", "e2", "e3", "e4"]);
}

pub async fn an_answer_to_a_command_goes_by_id_within_its_realm(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let id = row.claim.id;
    assert_eq!(w.store.deliver(&call.answer("c1", id, "other")).await.unwrap(), Delivered::Late);
    w.applied(&call.answer("c2", id, "default")).await;
    let found = w.store.get(id).await.unwrap().unwrap();
    assert_eq!(event_ids(&found), ["e1", "c2"]);
    let both = Transition { consumed: 2, ..taking(&row) };
    w.commit(&row, &both, &Disposition::End { rest: vec![] }).await;
    assert_eq!(w.store.deliver(&call.answer("c3", id, "default")).await.unwrap(), Delivered::Late);
    let unknown = call.start("never").id;
    assert_eq!(w.store.deliver(&call.answer("c4", unknown, "default")).await.unwrap(), Delivered::Late);
}

pub async fn a_full_inbox_refuses_but_a_hangup_always_fits(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e0")).await;
    for n in 1..256 {
        w.applied(&call.event(&format!("e{n}"), "call.digits")).await;
    }
    let owner = call.start("e0").id;
    let refused = call.event("e256", "call.digits");
    assert_eq!(w.store.deliver(&refused).await.unwrap(), Delivered::InboxFull { owner });
    w.applied(&call.event("bye", "call.hangup")).await;
    w.applied(&call.answer("done", owner, "default")).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!(row.inbox.len(), 258);
    w.park(&row, 1, None).await;
    w.applied(&refused).await;
}

pub async fn an_inbox_is_bounded_in_bytes_too(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e0")).await;
    let big = |n: u32| {
        let input = format!("{{\"id\":\"b{n}\",\"data\":\"{}\"}}", "x".repeat(60_000)).into_bytes();
        Deliver { input, ..call.event(&format!("b{n}"), "call.digits") }
    };
    for n in 0..4 {
        w.applied(&big(n)).await;
    }
    assert!(matches!(w.store.deliver(&big(4)).await.unwrap(), Delivered::InboxFull { .. }));
    let row = w.claim_one(call.shard()).await;
    w.park(&row, 1, None).await;
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().record.inbox_bytes, 0);
    w.applied(&big(4)).await;
}

/// What a worker keeps in the body for later counts as if it were still in the inbox: a publisher is refused, and nothing
/// that it was told to be applied is dropped.
pub async fn early_inputs_count_against_the_inbox(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e0")).await;
    let owner = call.start("e0").id;
    for n in 1..=3 {
        w.applied(&call.incoming(&format!("e{n}"))).await;
    }
    let row = w.claim_one(call.shard()).await;
    let keeping = |count, bytes| Transition { early: EarlyInputs { count, bytes }, ..taking(&row) };
    w.commit(&row, &keeping(254, 20_000), &Disposition::KeepClaim).await;
    let found = w.store.get(owner).await.unwrap().unwrap();
    assert_eq!(found.record.early, EarlyInputs { count: 254, bytes: 20_000 });
    w.applied(&call.incoming("e4")).await;
    w.applied(&call.event("e5", "call.digits")).await;
    let full = Delivered::InboxFull { owner };
    assert_eq!(w.store.deliver(&call.incoming("e6")).await.unwrap(), full);
    assert_eq!(w.store.deliver(&call.event("e6", "call.digits")).await.unwrap(), full);
    w.applied(&call.event("bye", "call.hangup")).await;

    let again = |version, transition: Transition| {
        let claim = row.claim;
        async move { w.store.commit(&claim, version, &transition, &Disposition::KeepClaim).await.unwrap() }
    };
    let entry = w.store.get(owner).await.unwrap().unwrap().inbox[0].to_bytes().len() as u32;
    let left = INBOX_BYTES as u32 - entry;
    let of_bytes = |bytes| Transition { consumed: 3, ..keeping(1, bytes) };
    again(1, of_bytes(left + 1)).await;
    assert_eq!(w.store.deliver(&call.incoming("e6")).await.unwrap(), full);
    again(2, of_bytes(left)).await;
    w.applied(&call.incoming("e6")).await;
    let ending = Transition { consumed: 0, ..keeping(7, 7) };
    w.store.commit(&row.claim, 3, &ending, &Disposition::End { rest: vec![] }).await.unwrap();
    assert_eq!(w.store.get(owner).await.unwrap().unwrap().record.early, EarlyInputs::default());
}

pub async fn older_definitions_are_refused_and_newer_ones_raise_the_shard(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&Deliver { generation: 5, ..call.incoming("e1") }).await;
    let older = Deliver { generation: 4, ..call.event("e2", "call.digits") };
    assert_eq!(w.store.deliver(&older).await.unwrap(), Delivered::StaleDefinitions { generation: 5 });
    w.applied(&Deliver { generation: 5, ..call.event("e2", "call.digits") }).await;
    // An answer to a command is addressed without definitions.
    w.applied(&call.answer("c1", call.start("e1").id, "default")).await;
}

pub async fn the_dedup_window_survives_two_rotations_and_stands_still_without_deliveries(w: &StoreHarness) {
    const ROTATION_S: u64 = 12 * 3_600;
    let call = call("call-1");
    w.applied(&call.incoming("e0")).await;
    let other = |n: u64| call.event(&format!("other {n}"), "call.digits");
    // A weekend without deliveries counts as one rotation.
    w.advance(5 * ROTATION_S);
    w.applied(&other(1)).await;
    w.advance(ROTATION_S);
    w.applied(&other(2)).await;
    assert_eq!(w.store.deliver(&call.incoming("e0")).await.unwrap(), Delivered::Duplicate);
    w.advance(ROTATION_S);
    w.applied(&other(3)).await;
    // After three rotations the event is no longer in the dedup window, and the owner gets it again.
    w.applied(&call.incoming("e0")).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["e0", "other 1", "other 2", "other 3", "e0"]);
}

pub async fn an_id_that_is_still_kept_is_not_started_again(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    // The same event under another key, as if it had left the dedup window: its activeflow still exists and has ended.
    let again = Deliver { key: EventKey::of(&["default", "sbc-1", "forgotten"]), ..call.incoming("e1") };
    assert_eq!(w.store.deliver(&again).await.unwrap(), Delivered::Duplicate);
    assert!(w.claim_as(worker(1), call.shard(), 10).await.is_empty());
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().record.state, State::Ended);
}

pub async fn solo_attempts_are_counted_for_each_event(w: &StoreHarness) {
    let (one, two) = (EventKey::of(&["default", "s", "1"]), EventKey::of(&["default", "s", "2"]));
    assert_eq!(w.store.count_attempt(Shard(1), one, 11).await.unwrap(), 1);
    assert_eq!(w.store.count_attempt(Shard(1), one, 12).await.unwrap(), 2);
    assert_eq!(w.store.count_attempt(Shard(1), one, 12).await.unwrap(), 2, "the same attempt, repeated");
    assert_eq!(w.store.count_attempt(Shard(1), two, 12).await.unwrap(), 1);
}
