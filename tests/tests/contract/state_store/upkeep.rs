//! Timers, overdue claims, removal of ended activeflows, depth.

use super::harness::*;
use common::ports::intake::Delivered;
use common::ports::work::{ClaimRequest, CommitOutcome, Disposition, Transition};
use common::record::{State, Suspect};

const IDLE: ClaimRequest = ClaimRequest { max: 64, idle: true };

pub async fn due_waits_come_once_in_order_and_not_early(w: &StoreHarness) {
    let calls = calls_of_one_shard(3);
    let shard = calls[0].shard();
    let in_seconds = |s: i64| Some(w.now().plus_millis(s * 1_000));
    let (late, soon, never) = (in_seconds(9), in_seconds(5), in_seconds(500));
    let ids =
        [w.parked(&calls[0], late).await, w.parked(&calls[1], soon).await, w.parked(&calls[2], never).await];
    w.advance(4);
    let early = w.store.sweep(shard, &[]).await.unwrap();
    assert_eq!((early.late_us.len(), early.next_due), (0, soon));
    w.advance(6);
    let swept = w.store.sweep(shard, &[]).await.unwrap();
    assert_eq!(swept.late_us, [5_000_000, 1_000_000]);
    assert_eq!((swept.now, swept.next_due), (w.now(), never));
    assert!(w.store.sweep(shard, &[]).await.unwrap().late_us.is_empty());
    let rows = w.claim_as(worker(1), shard, 10).await;
    let order: Vec<_> = rows.iter().map(|row| (row.claim.id, event_ids(row))).collect();
    assert_eq!(order, [(ids[1], vec!["timer 1".to_string()]), (ids[0], vec!["timer 1".to_string()])]);
}

pub async fn a_wait_that_was_replaced_fires_at_its_new_deadline_only(w: &StoreHarness) {
    let call = call("call-1");
    w.parked(&call, Some(w.now().plus_millis(5_000))).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let row = w.claim_one(call.shard()).await;
    w.park(&row, 2, Some(w.now().plus_millis(60_000))).await;
    w.advance(30);
    assert!(w.store.sweep(call.shard(), &[]).await.unwrap().late_us.is_empty());
    w.advance(31);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().late_us.len(), 1);
    assert_eq!(event_ids(&w.claim_one(call.shard()).await), ["timer 2"]);
}

pub async fn a_wait_without_deadline_or_an_end_cancels_the_timer(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    let shard = calls[0].shard();
    for call in &calls {
        w.parked(call, Some(w.now().plus_millis(5_000))).await;
    }
    for call in &calls {
        w.applied(&call.event("e2", "call.digits")).await;
    }
    let rows = w.claim_as(worker(1), shard, 10).await;
    w.park(&rows[0], 2, None).await;
    w.end(&rows[1]).await;
    w.advance(10);
    let swept = w.store.sweep(shard, &[]).await.unwrap();
    assert_eq!((swept.late_us.len(), swept.next_due), (0, None));
}

pub async fn a_wait_that_falls_due_while_claimed_is_not_lost(w: &StoreHarness) {
    let call = call("call-1");
    let until = Some(w.now().plus_millis(5_000));
    w.parked(&call, until).await;
    w.applied(&call.event("e2", "call.digits")).await;
    let row = w.claim_one(call.shard()).await;
    w.advance(6);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().late_us.len(), 1);
    let outcome = w.commit(&row, &taking(&row), &Disposition::Park { wait: 1, until }).await;
    let CommitOutcome::More { inbox, .. } = outcome else { panic!("the timer waits, got {outcome:?}") };
    assert_eq!(event_ids(&inbox), ["timer 1"]);
}

pub async fn an_overdue_claim_becomes_ready_as_it_was(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.advance(59);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().overdue, 0);
    w.advance(2);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().overdue, 1);
    let again = w.claim_as(worker(2), call.shard(), 10).await;
    assert_eq!(again[0].record.suspect, Suspect::No);
    assert_eq!(w.commit(&row, &taking(&row), &Disposition::KeepClaim).await, CommitOutcome::Fenced);
}

pub async fn ended_ones_are_forgotten_after_their_time(w: &StoreHarness) {
    let call = call("call-1");
    w.applied(&call.incoming("e1")).await;
    let row = w.claim_one(call.shard()).await;
    w.end(&row).await;
    w.advance(3_599);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().forgotten, 0);
    assert_eq!(w.store.get(row.claim.id).await.unwrap().unwrap().record.state, State::Ended);
    w.advance(2);
    assert_eq!(w.store.sweep(call.shard(), &[]).await.unwrap().forgotten, 1);
    assert_eq!(w.store.get(row.claim.id).await.unwrap(), None);
    let query = common::ports::lookup::ListQuery { customer_id: CUSTOMER.into(), before: None, limit: 10 };
    assert!(w.store.list(&query).await.unwrap().is_empty());
}

pub async fn the_depth_tells_what_waits_and_how_long(w: &StoreHarness) {
    let calls = calls_of_one_shard(7);
    let shard = calls[0].shard();
    w.parked(&calls[0], Some(w.now().plus_millis(50_000))).await;
    w.parked(&calls[1], None).await;
    w.applied(&calls[2].incoming("e1")).await;
    let claimed = w.claim_one(shard).await;
    let first = w.now();
    w.applied(&calls[3].incoming("e1")).await;
    w.advance(1);
    w.applied(&calls[1].event("d", "call.digits")).await;
    let depth = w.store.depth(shard).await.unwrap();
    assert_eq!((depth.resumed, depth.new, depth.suspects, depth.claimed, depth.waits), (1, 1, 0, 1, 1));
    assert_eq!(depth.oldest_ready, Some(first));
    w.commit(&claimed, &Transition { consumed: 1, ..Transition::default() }, &Disposition::Yield).await;
    assert_eq!(w.store.depth(shard).await.unwrap().claimed, 0);

    // Two resumed and one new are ready; two more arrive, and all count.
    w.applied(&calls[4].incoming("e1")).await;
    let delivered = w.store.deliver(&calls[5].incoming("e1")).await.unwrap();
    assert!(w.ambiguous || matches!(delivered, Delivered::Applied { backlog: 5, .. }), "{delivered:?}");
    let rows = w.claim_as(worker(1), shard, 10).await;
    w.declare_dead(&rows[0].claim).await;
    let group = w.claim_wanting(worker(2), shard, IDLE).await;
    w.applied(&calls[6].incoming("e1")).await;
    let alone = w.claim_as(worker(3), shard, 10).await.remove(0).claim;
    w.declare_dead(&group[0].claim).await;
    w.declare_dead(&alone).await;
    let depth = w.store.depth(shard).await.unwrap();
    assert_eq!((depth.resumed, depth.new, depth.suspects, depth.claimed), (0, 0, 6, 0));
}
