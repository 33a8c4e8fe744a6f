//! Calls that arrive late, or again because their answer was lost.

use super::harness::*;
use common::ports::work::{ClaimRequest, Claimed, CommitOutcome, Disposition, Transition};
use common::record::State;

const TEN: ClaimRequest = ClaimRequest { max: 10, idle: false };

pub async fn a_claim_that_arrives_late_takes_nothing(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    w.applied(&calls[0].incoming("e1")).await;
    let Claimed::Rows { rows, .. } = w.store.claim(shard, worker(1), 8, TEN).await.unwrap() else {
        panic!("not dead")
    };
    assert_eq!(rows.len(), 1);
    w.applied(&calls[1].incoming("e1")).await;
    // Nonce 7 was sent before 8 over a stalled connection; its answer reaches no caller.
    let Claimed::Rows { rows, .. } = w.store.claim(shard, worker(1), 7, TEN).await.unwrap() else {
        panic!("not dead")
    };
    assert!(rows.is_empty());
    assert_eq!(w.claim_as(worker(2), shard, 10).await.len(), 1);
}

pub async fn a_commit_at_another_version_is_fenced(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    for version in [1, 7] {
        let outcome =
            w.store.commit(&row.claim, version, &taking(&row), &Disposition::KeepClaim).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Fenced);
    }
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().record.version, 0);
}

pub async fn a_finish_at_another_version_is_fenced(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    let first = Transition { commands: vec![b"one".to_vec()], ..taking(&row) };
    w.commit(&row, &first, &Disposition::KeepClaim).await;
    let second =
        Transition { body: b"\x01body 2".to_vec(), commands: vec![b"two".to_vec()], ..Transition::default() };
    w.store.commit(&row.claim, 1, &second, &Disposition::KeepClaim).await.unwrap();
    // The finish of the first commit arrives before the second commit's command is confirmed.
    for version in [1, 3] {
        let finish =
            w.store.finish(&row.claim, version, 0, &Disposition::End { rest: vec![] }).await.unwrap();
        assert_eq!(finish, CommitOutcome::Fenced);
    }
    let found = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.outbox.len()), (State::Claimed, 2));
}

pub async fn a_repeated_commit_is_recognised(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let transition = Transition { commands: vec![b"one".to_vec()], ..taking(&row) };
    for _ in 0..3 {
        assert_eq!(
            w.commit(&row, &transition, &Disposition::KeepClaim).await,
            CommitOutcome::ClaimKept { version: 1 }
        );
    }
    let found = w.store.get(row.claim.id).await.unwrap().unwrap();
    assert_eq!((found.outbox.len(), found.inbox.len()), (1, 1));
}

pub async fn a_repeated_finish_is_recognised(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.commit(&row, &Transition { commands: vec![b"one".to_vec()], ..taking(&row) }, &Disposition::KeepClaim)
        .await;
    let park = Disposition::Park { wait: 1, until: None };
    for _ in 0..2 {
        assert_eq!(
            w.store.finish(&row.claim, 1, 0, &park).await.unwrap(),
            CommitOutcome::Released { version: 1 }
        );
    }
    w.applied(&call.event("e2", "call.digits")).await;
    assert_eq!(
        w.store.finish(&row.claim, 1, 0, &park).await.unwrap(),
        CommitOutcome::Released { version: 1 }
    );
    let woken = w.claim_one(call.shard()).await;
    assert_eq!(event_ids(&woken), ["e2"]);
}
