//! Suspects: activeflows that dead workers held.

use super::harness::*;
use common::Shard;
use common::member::MemberId;
use common::ports::work::{ClaimRequest, Claimed, Control, Disposition, Row, Transition};
use common::record::{Entry, State, Suspect};

const IDLE: ClaimRequest = ClaimRequest { max: 64, idle: true };
const BUSY: ClaimRequest = ClaimRequest { max: 64, idle: false };

pub async fn what_the_dead_held_is_claimed_only_by_idle_workers_in_groups_of_32(w: &StoreHarness) {
    let calls = calls_of_one_shard(40);
    let shard = calls[0].shard();
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    let held = w.claim_as(worker(1), shard, 64).await;
    let swept = w.store.sweep(shard, &[worker(1)]).await.unwrap();
    assert_eq!((held.len(), swept.suspects, swept.quarantined), (40, 40, 0));
    let Claimed::Rows { rows, suspects, .. } = w.store.claim(shard, worker(9), 900, BUSY).await.unwrap()
    else {
        panic!("not dead")
    };
    assert_eq!((rows.len(), suspects), (0, 40));
    let group = w.claim_wanting(worker(2), shard, IDLE).await;
    assert_eq!(group.len(), 32);
    assert!(group.iter().all(|row| row.record.suspect == Suspect::Group && event_ids(row) == ["e1"]));
    assert_eq!(w.claim_wanting(worker(3), shard, IDLE).await.len(), 8);
}

pub async fn what_dies_in_a_group_is_claimed_alone_and_quarantined_after_five_deaths(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    let mut worker_numbers = 10..;
    claim_and_die(w, &mut worker_numbers, shard, BUSY, 2).await;
    claim_and_die(w, &mut worker_numbers, shard, IDLE, 2).await;
    for _ in 0..4 {
        claim_and_die(w, &mut worker_numbers, shard, IDLE, 1).await;
        claim_and_die(w, &mut worker_numbers, shard, IDLE, 1).await;
    }
    let last = w.claim_wanting(worker(8), shard, IDLE).await.remove(0);
    let swept = w.store.sweep(shard, &[worker(8)]).await.unwrap();
    assert_eq!((swept.suspects, swept.quarantined), (1, 1));
    let found = w.store.get(last.claim.id).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.attempts), (State::Quarantined, 5));
    let other = w.claim_wanting(worker(2), shard, IDLE).await;
    assert_eq!((other.len(), other[0].record.attempts, other[0].record.suspect), (1, 4, Suspect::Alone));
}

/// A new worker claims and is then swept as dead. Returns the first of its rows.
async fn claim_and_die(
    w: &StoreHarness,
    worker_numbers: &mut impl Iterator<Item = u128>,
    shard: Shard,
    want: ClaimRequest,
    expected: usize,
) -> Row {
    let dead: MemberId = worker(worker_numbers.next().unwrap());
    let mut rows = w.claim_wanting(dead, shard, want).await;
    assert_eq!(rows.len(), expected);
    w.store.sweep(shard, &[dead]).await.unwrap();
    rows.remove(0)
}

pub async fn a_suspect_that_is_tried_alone_does_not_hide_the_groups(w: &StoreHarness) {
    let calls = calls_of_one_shard(3);
    let shard = calls[0].shard();
    let mut worker_numbers = 10..;
    w.applied(&calls[0].incoming("e1")).await;
    claim_and_die(w, &mut worker_numbers, shard, BUSY, 1).await;
    claim_and_die(w, &mut worker_numbers, shard, IDLE, 1).await;
    for call in &calls[1..] {
        w.applied(&call.incoming("e1")).await;
    }
    claim_and_die(w, &mut worker_numbers, shard, BUSY, 2).await;
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let rows = w.claim_wanting(worker(2), shard, IDLE).await;
        sizes.push(rows.len());
        for row in rows {
            w.store.release(&row.claim).await.unwrap();
        }
    }
    sizes.sort();
    assert_eq!(sizes, [1, 2], "one claim gets the single suspect, the other one the group");
}

pub async fn progress_clears_the_suspicion(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let mut worker_numbers = 10..;
    for want in [BUSY, IDLE, IDLE, IDLE] {
        claim_and_die(w, &mut worker_numbers, call.shard(), want, 1).await;
    }
    let row = w.claim_wanting(worker(2), call.shard(), IDLE).await.remove(0);
    assert_eq!((row.record.suspect, row.record.attempts), (Suspect::Alone, 2));
    w.commit(&row, &taking(&row), &Disposition::Yield).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!((row.record.suspect, row.record.attempts), (Suspect::No, 0));
}

pub async fn a_quarantined_owner_gives_up_its_reference_and_can_be_retried(w: &StoreHarness) {
    let call = call("call-1");
    let id = quarantined(w, &call).await.claim.id;
    assert!(w.claim_wanting(worker(2), call.shard(), IDLE).await.is_empty());
    w.applied(&call.answer("c1", id, "default")).await;
    w.applied(&call.incoming("e2")).await;
    let next = w.claim_one(call.shard()).await;
    assert_eq!(next.claim.id, call.start("e2").id);
    w.store.control(id, &Control::Retry).await.unwrap();
    let retried = w.claim_wanting(worker(2), call.shard(), IDLE).await.remove(0);
    assert_eq!((retried.claim.id, retried.record.attempts), (id, 0));
    assert!(!retried.record.owner, "its reference has a new owner meanwhile");
    assert_eq!(event_ids(&retried), ["e1", "c1"], "an answer that came meanwhile waits for the retry");
    w.commit(&retried, &Transition { consumed: 2, ..taking(&retried) }, &Disposition::End { rest: vec![] })
        .await;
    w.applied(&call.event("d1", "call.digits")).await;
    let found = w.store.get(next.claim.id).await.unwrap().unwrap();
    assert_eq!(event_ids(&found), ["e2", "d1"]);
}

/// Lets every worker that claims `call` die until it is quarantined.
pub async fn quarantined(w: &StoreHarness, call: &Call) -> Row {
    w.applied(&call.incoming("e1")).await;
    dead_until_quarantined(w, call).await
}

/// The same for an activeflow that is ready.
pub async fn dead_until_quarantined(w: &StoreHarness, call: &Call) -> Row {
    let mut worker_numbers = 10..;
    claim_and_die(w, &mut worker_numbers, call.shard(), BUSY, 1).await;
    for _ in 0..5 {
        claim_and_die(w, &mut worker_numbers, call.shard(), IDLE, 1).await;
    }
    claim_and_die(w, &mut worker_numbers, call.shard(), IDLE, 1).await
}

pub async fn what_a_retried_one_did_not_take_goes_to_the_next_though_it_lost_its_reference(w: &StoreHarness) {
    let (first, second) = (call("call-1"), call("call-2"));
    for (call, has_owner) in [(&first, true), (&second, false)] {
        quarantined(w, call).await;
        w.applied(&call.incoming("e3")).await;
        let next = w.claim_one(call.shard()).await;
        if has_owner {
            w.store.release(&next.claim).await.unwrap();
        } else {
            w.end(&next).await;
        }
        w.store.control(call.start("e1").id, &Control::Retry).await.unwrap();
        let retried = w.claim_wanting(worker(2), call.shard(), IDLE).await.remove(0);
        assert_eq!(retried.record.owner, !has_owner);
        // Its cursor had taken one event that would start an activeflow and one that would not; it ends without using them.
        let start = Some(call.start("e2").to_bytes());
        let early = Entry::Event { kind: "call.incoming".into(), input: b"{\"id\":\"e2\"}".to_vec(), start };
        let mut digit = early.clone();
        if let Entry::Event { start, .. } = &mut digit {
            *start = None;
        }
        w.commit(&retried, &taking(&retried), &Disposition::End { rest: vec![early, digit] }).await;
        let row = w.claim_one(call.shard()).await;
        let expected = if has_owner { ("e3", vec!["e3", "e2"]) } else { ("e2", vec!["e2", "e2"]) };
        assert_eq!(
            (row.claim.id, event_ids(&row)),
            (call.start(expected.0).id, expected.1.into_iter().map(String::from).collect())
        );
        w.end(&row).await;
    }
}

pub async fn what_would_start_the_next_is_handed_on_at_quarantine(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    w.applied(&call.event("d1", "call.digits")).await;
    w.applied(&call.incoming("e2")).await;
    w.applied(&call.incoming("e3")).await;
    let mut worker_numbers = 10..;
    claim_and_die(w, &mut worker_numbers, call.shard(), BUSY, 1).await;
    for _ in 0..6 {
        claim_and_die(w, &mut worker_numbers, call.shard(), IDLE, 1).await;
    }
    let stuck = w.store.get(call.start("e1").id).await.unwrap().unwrap();
    assert_eq!((stuck.record.state, event_ids(&stuck)), (State::Quarantined, vec!["e1".into(), "d1".into()]));
    let bytes: usize = stuck.inbox.iter().map(|entry| entry.to_bytes().len()).sum();
    assert_eq!(stuck.record.inbox_bytes as usize, bytes);
    let next = w.claim_one(call.shard()).await;
    assert_eq!((next.claim.id, event_ids(&next)), (call.start("e2").id, vec!["e2".into(), "e3".into()]));
}

pub async fn a_dead_id_is_told_so_for_an_hour(w: &StoreHarness) {
    let shard = Shard(1);
    w.store.sweep(shard, &[worker(1)]).await.unwrap();
    assert_eq!(w.store.claim(shard, worker(1), 1, BUSY).await.unwrap(), Claimed::Dead);
    assert!(matches!(w.store.claim(shard, worker(2), 1, BUSY).await.unwrap(), Claimed::Rows { .. }));
    w.advance(3_599);
    w.store.sweep(shard, &[]).await.unwrap();
    assert_eq!(w.store.claim(shard, worker(1), 2, BUSY).await.unwrap(), Claimed::Dead);
    w.advance(1);
    w.store.sweep(shard, &[]).await.unwrap();
    assert!(matches!(w.store.claim(shard, worker(1), 3, BUSY).await.unwrap(), Claimed::Rows { .. }));
}
