//! Eager starts: a delivery claims the activeflow that it starts.

use super::harness::*;
use common::ports::intake::{Deliver, Delivered};
use common::ports::work::{Claim, CommitOutcome, Disposition, Token, Transition};
use common::record::{Entry, State, Suspect};

fn token(n: u128) -> Token {
    Token { worker: worker(n), nonce: (1 << 63) + 1 }
}

fn eager(call: &Call, event_id: &str) -> Deliver {
    Deliver { eager: Some(token(1)), ..call.incoming(event_id) }
}

fn claim_of(call: &Call) -> Claim {
    Claim { id: call.start("e1").id, shard: call.shard(), token: token(1) }
}

/// Starts a call and requires that it is claimed.
async fn started(w: &StoreHarness, call: &Call) -> Claim {
    let id = call.start("e1").id;
    let answer = w.store.deliver(&eager(call, "e1")).await.unwrap();
    let claimed = Some(w.now());
    assert_eq!(answer, Delivered::Applied { to: Some(id), started: vec![id], backlog: 0, claimed });
    claim_of(call)
}

pub async fn what_starts_alone_is_claimed_in_the_same_operation(w: &StoreHarness) {
    let call = call("call-1");
    let claim = started(w, &call).await;
    let found = w.store.get(claim.id).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.token), (State::Claimed, Some(claim.token)));
    assert!(w.claim_as(worker(2), call.shard(), 10).await.is_empty(), "it is in no lane");
    w.applied(&call.event("e2", "call.digits")).await;
    let made = Transition { body: b"\x01body 1".to_vec(), consumed: 1, ..Transition::default() };
    let park = Disposition::Park { wait: 1, until: None };
    let outcome = w.store.commit(&claim, 0, &made, &park).await.unwrap();
    let CommitOutcome::More { version: 1, inbox, control: None } = outcome else {
        panic!("it has another input, got {outcome:?}")
    };
    assert!(matches!(&inbox[..], [Entry::Event { kind, .. }] if kind == "call.digits"), "{inbox:?}");
    let made = Transition { consumed: 1, ..made };
    let end = Disposition::End { rest: vec![] };
    assert_eq!(w.store.commit(&claim, 1, &made, &end).await.unwrap(), CommitOutcome::Released { version: 2 });
}

pub async fn a_repeated_call_gets_the_same_claim_until_it_is_released(w: &StoreHarness) {
    let call = call("call-1");
    let claim = started(w, &call).await;
    w.advance(1);
    started(w, &call).await;
    let other = Deliver { eager: Some(token(2)), ..eager(&call, "e1") };
    assert_eq!(w.store.deliver(&other).await.unwrap(), Delivered::Duplicate);
    assert_eq!(w.store.deliver(&call.incoming("e1")).await.unwrap(), Delivered::Duplicate);
    w.store.release(&claim).await.unwrap();
    assert_eq!(w.store.deliver(&eager(&call, "e1")).await.unwrap(), Delivered::Duplicate);
    assert_eq!(w.claim_one(call.shard()).await.claim.id, claim.id);
}

pub async fn what_starts_behind_others_waits_for_its_turn(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    w.applied(&calls[0].incoming("e1")).await;
    w.applied(&eager(&calls[1], "e1")).await;
    let rows = w.claim_as(worker(2), calls[0].shard(), 10).await;
    let ids: Vec<_> = rows.iter().map(|row| row.claim.id).collect();
    assert_eq!(ids, [calls[0].start("e1").id, calls[1].start("e1").id]);
}

pub async fn nothing_is_claimed_for_an_owner_that_exists_or_a_worker_that_died(w: &StoreHarness) {
    let call = call("call-1");
    let claim = started(w, &call).await;
    let input = Deliver { kind: "call.digits".into(), ..eager(&call, "e2") };
    let answer = w.store.deliver(&input).await.unwrap();
    let given = matches!(answer, Delivered::Applied { claimed: None, .. });
    assert!(given || (w.ambiguous && answer == Delivered::Duplicate), "{answer:?}");
    w.declare_dead(&claim).await;
    let found = w.store.get(claim.id).await.unwrap().unwrap();
    assert_eq!((found.record.state, found.record.suspect), (State::Ready, Suspect::Group));
    let next = calls_of_one_shard(3).into_iter().find(|next| next.reference != call.reference).unwrap();
    w.store.sweep(next.shard(), &[worker(1)]).await.unwrap();
    w.applied(&eager(&next, "e1")).await;
    let rows = w.claim_as(worker(3), next.shard(), 10).await;
    assert_eq!(rows.iter().map(|row| row.claim.id).collect::<Vec<_>>(), [next.start("e1").id]);
}
