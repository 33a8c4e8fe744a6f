//! Claims, and operations under a claim.

use super::harness::*;
use common::ports::work::{ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Transition};
use common::record::{Entry, State, Suspect};

const TEN: ClaimRequest = ClaimRequest { max: 10, idle: false };

pub async fn two_workers_never_claim_the_same(w: &StoreHarness) {
    let calls = calls_of_one_shard(5);
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    let shard = calls[0].shard();
    let first = w.claim_as(worker(1), shard, 3).await;
    let second = w.claim_as(worker(2), shard, 10).await;
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(first.iter().all(|a| second.iter().all(|b| a.claim.id != b.claim.id)));
    assert!(w.claim_as(worker(1), shard, 10).await.is_empty());
}

pub async fn the_same_nonce_answers_with_the_same_rows(w: &StoreHarness) {
    let calls = calls_of_one_shard(4);
    for call in &calls[..2] {
        w.applied(&call.incoming("e1")).await;
    }
    let shard = calls[0].shard();
    let first = w.store.claim(shard, worker(1), 77, TEN).await.unwrap();
    w.applied(&calls[2].incoming("e1")).await;
    let again = w.store.claim(shard, worker(1), 77, TEN).await.unwrap();
    assert_eq!(first, again);
    let Claimed::Rows { rows, .. } = first else { panic!("not dead") };
    assert_eq!(rows.len(), 2);
    w.end(&rows[0]).await;
    let Claimed::Rows { rows: left, .. } = w.store.claim(shard, worker(1), 77, TEN).await.unwrap() else {
        panic!("not dead")
    };
    assert_eq!(left.len(), 1, "a row that is no longer held is not returned");
}

pub async fn resumed_go_before_new_and_the_longest_ready_first(w: &StoreHarness) {
    let calls = calls_of_one_shard(4);
    let shard = calls[0].shard();
    let parked = [w.parked(&calls[0], None).await, w.parked(&calls[1], None).await];
    w.applied(&calls[2].incoming("new")).await;
    w.applied(&calls[1].event("d1", "call.digits")).await;
    w.applied(&calls[3].incoming("new")).await;
    w.applied(&calls[0].event("d0", "call.digits")).await;
    let order: Vec<_> = w.claim_as(worker(1), shard, 10).await.iter().map(|row| row.claim.id).collect();
    let new = [calls[2].start("new").id, calls[3].start("new").id];
    assert_eq!(order, [parked[1], parked[0], new[0], new[1]]);
}

pub async fn a_claim_takes_what_it_wants_of_its_own_shard(w: &StoreHarness) {
    let calls = calls_of_one_shard(4);
    let shard = calls[0].shard();
    let parked = w.parked(&calls[0], None).await;
    for call in &calls[1..] {
        w.applied(&call.incoming("new")).await;
    }
    w.applied(&calls[0].event("d1", "call.digits")).await;
    let elsewhere = (0..).map(|n| call(&format!("else-{n}"))).find(|call| call.shard() != shard).unwrap();
    w.applied(&elsewhere.incoming("new")).await;
    let claimed = async |max| -> Vec<_> {
        w.claim_as(worker(1), shard, max).await.iter().map(|row| row.claim.id).collect()
    };
    let new: Vec<_> = calls[1..].iter().map(|call| call.start("new").id).collect();
    assert_eq!(claimed(2).await, [parked, new[0]]);
    assert_eq!(claimed(1).await, [new[1]]);
    assert_eq!(claimed(10).await, [new[2]]);
    assert_eq!(w.claim_one(elsewhere.shard()).await.claim.id, elsewhere.start("new").id);
}

pub async fn a_commit_stores_everything_in_one(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.event("e2", "call.digits")).await;
    w.advance(3);
    let transition = Transition {
        commands: vec![b"one".to_vec(), b"two".to_vec()],
        journal: Some(b"journal".to_vec()),
        ..taking(&row)
    };
    assert_eq!(
        w.commit(&row, &transition, &Disposition::KeepClaim).await,
        CommitOutcome::ClaimKept { version: 1 }
    );
    let found = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!(found.record.body, b"\x01body 1");
    assert_eq!(found.record.version, 1);
    assert_eq!(found.record.state, State::Claimed);
    assert_eq!(found.record.updated, w.now());
    assert_eq!(found.outbox, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(found.journal, [b"journal".to_vec()]);
    assert_eq!(event_ids(&found), ["e2"]);
    assert_eq!(found.record.inbox_bytes as usize, found.inbox[0].to_bytes().len());
}

/// Until the first transition, the event that starts an activeflow is the first of its inputs.
pub async fn a_first_transition_that_takes_nothing_leaves_every_input(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let nothing = Transition { consumed: 0, ..taking(&row) };
    w.commit(&row, &nothing, &Disposition::Yield).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&row), ["e1", "e2"]);
    w.commit(&row, &taking(&row), &Disposition::Yield).await;
    let found = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!((event_ids(&found), found.record.inbox_bytes), (vec![], 0));
}

/// The event that starts an activeflow is stored once, beside what every transition replaces.
pub async fn every_claim_gives_the_event_that_started_it(w: &StoreHarness) {
    let call = call("call-1");
    let start = call.incoming("e1");
    w.applied(&start).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!((&row.trigger, &row.inbox), (&start.input, &vec![Entry::Trigger]));
    w.park(&row, 1, None).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!((&row.trigger, event_ids(&row)), (&start.input, vec!["e2".to_string()]));
    w.applied(&call.incoming("e3")).await;
    w.end(&row).await;
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().trigger, start.input);
    let next = w.claim_one(call.shard()).await;
    assert_eq!((&next.trigger, next.claim.id), (&call.incoming("e3").input, call.start("e3").id));
}

pub async fn a_commit_under_a_lost_claim_changes_nothing(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.declare_dead(&row.claim).await;
    let transition = Transition { commands: vec![b"zombie".to_vec()], ..taking(&row) };
    let before = w.store.get(row.claim.id).await.unwrap();
    assert_eq!(w.commit(&row, &transition, &Disposition::KeepClaim).await, CommitOutcome::Fenced);
    let finish = w.store.finish(&row.claim, 0, 0, &Disposition::End { rest: vec![] }).await.unwrap();
    assert_eq!(finish, CommitOutcome::Fenced);
    w.store.release(&row.claim).await.unwrap();
    assert_eq!(w.store.get(row.claim.id).await.unwrap(), before);
    let successor = w.claim_wanting(worker(2), call.shard(), ClaimRequest { max: 10, idle: true }).await;
    assert_eq!(w.commit(&row, &transition, &Disposition::KeepClaim).await, CommitOutcome::Fenced);
    assert_eq!(
        w.commit(&successor[0], &taking(&successor[0]), &Disposition::KeepClaim).await,
        CommitOutcome::ClaimKept { version: 1 }
    );
    assert_eq!(w.commit(&row, &transition, &Disposition::KeepClaim).await, CommitOutcome::Fenced);
}

pub async fn parking_on_a_waiting_inbox_gives_it_back(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let park = Disposition::Park { wait: 1, until: None };
    let CommitOutcome::More { version, inbox, control } = w.commit(&row, &taking(&row), &park).await else {
        panic!("an input waits")
    };
    assert_eq!((version, event_ids(&inbox), control), (1, vec!["e2".to_string()], None));
    let next = Transition { body: b"\x01body 2".to_vec(), consumed: 1, ..Transition::default() };
    let outcome = w.store.commit(&row.claim, 1, &next, &park).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Released { version: 2 });
    assert!(w.claim_as(worker(2), call.shard(), 10).await.is_empty());
}

pub async fn parking_on_a_waiting_control_gives_it_back(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.store.control(row.claim.id, &Control::Stop).await.unwrap();
    let outcome = w.commit(&row, &taking(&row), &Disposition::Park { wait: 1, until: None }).await;
    assert_eq!(outcome, CommitOutcome::More { version: 1, inbox: vec![], control: Some(Control::Stop) });
}

pub async fn an_input_wakes_what_is_parked(w: &StoreHarness) {
    let call = call("call-1");
    let id = w.parked(&call, None).await;
    assert!(w.claim_as(worker(1), call.shard(), 10).await.is_empty());
    w.applied(&call.event("e2", "call.digits")).await;
    w.applied(&call.event("e3", "call.digits")).await;
    let row = w.claim_one(call.shard()).await;
    assert_eq!((row.claim.id, event_ids(&row)), (id, vec!["e2".to_string(), "e3".to_string()]));
    assert_eq!(row.record.wait, 1);
}

pub async fn unsettled_commands_are_handed_to_the_successor(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let transition = Transition { commands: vec![b"one".to_vec(), b"two".to_vec()], ..taking(&row) };
    w.commit(&row, &transition, &Disposition::KeepClaim).await;
    w.declare_dead(&row.claim).await;
    let successor = w.claim_wanting(worker(2), call.shard(), ClaimRequest { max: 10, idle: true }).await;
    assert_eq!(successor[0].outbox, [b"one".to_vec(), b"two".to_vec()]);
    assert_eq!(successor[0].record.body, b"\x01body 1");
    let next = Transition { body: b"\x01body 2".to_vec(), ..Transition::default() };
    let released =
        w.store.commit(&successor[0].claim, 1, &next, &Disposition::Park { wait: 1, until: None }).await;
    assert!(released.is_err(), "releasing with unsettled commands is an error of the caller");
}

pub async fn finish_settles_a_prefix_and_keeps_the_rest(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let commands = (1..=3).map(|n| format!("c{n}").into_bytes()).collect();
    w.commit(&row, &Transition { commands, ..taking(&row) }, &Disposition::KeepClaim).await;
    let kept = w.store.finish(&row.claim, 1, 1, &Disposition::KeepClaim).await.unwrap();
    assert_eq!(kept, CommitOutcome::ClaimKept { version: 1 });
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().outbox, [b"c3".to_vec()]);
    let park = Disposition::Park { wait: 1, until: None };
    assert_eq!(
        w.store.finish(&row.claim, 1, 0, &park).await.unwrap(),
        CommitOutcome::Released { version: 1 }
    );
    let found = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!((found.outbox.len(), found.record.state), (0, State::Waiting));
}

pub async fn a_yield_goes_behind_the_others(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    w.parked(&calls[0], None).await;
    let second = w.parked(&calls[1], None).await;
    w.applied(&calls[0].event("d", "call.digits")).await;
    let row = w.claim_one(shard).await;
    w.applied(&calls[1].event("d", "call.digits")).await;
    w.commit(&row, &taking(&row), &Disposition::Yield).await;
    let order: Vec<_> = w.claim_as(worker(1), shard, 10).await.iter().map(|row| row.claim.id).collect();
    assert_eq!(order, [second, row.claim.id]);
}

pub async fn a_release_counts_no_death_and_only_the_holder_can(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let mut stranger = row.claim;
    stranger.token.worker = worker(9);
    w.store.release(&stranger).await.unwrap();
    assert!(w.claim_as(worker(2), call.shard(), 10).await.is_empty());
    w.store.release(&row.claim).await.unwrap();
    let again = w.claim_as(worker(2), call.shard(), 10).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].record.suspect, again[0].record.version), (Suspect::No, 0));
    assert_eq!(event_ids(&again[0]), ["e1"]);
}
