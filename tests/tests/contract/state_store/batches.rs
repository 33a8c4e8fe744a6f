//! One sweep of a shard handles a limited batch of each kind and reports that there is more. This case takes hundreds of
//! calls, so it does not run in every variation of every adapter.

use super::harness::*;
use common::ports::upkeep::SweepReport;
use common::ports::work::{ClaimRequest, Row};

const BATCH: usize = 256;

#[tokio::test]
async fn memory() {
    one_sweep_handles_256_of_a_kind_and_reports_more(&StoreHarness::memory(false)).await;
}

#[tokio::test]
async fn embedded() {
    one_sweep_handles_256_of_a_kind_and_reports_more(&StoreHarness::embedded(false)).await;
}

#[tokio::test]
async fn redis() {
    one_sweep_handles_256_of_a_kind_and_reports_more(&StoreHarness::redis(false).await).await;
}

async fn one_sweep_handles_256_of_a_kind_and_reports_more(w: &StoreHarness) {
    let calls = calls_of_one_shard(BATCH + 1);
    let shard = calls[0].shard();
    let sweep = async || w.store.sweep(shard, &[worker(1)]).await.unwrap();
    for call in &calls {
        w.applied(&call.incoming("e1")).await;
    }
    assert_eq!(w.claim_as(worker(1), shard, 300).await.len(), BATCH + 1);
    twice(&sweep, |swept| swept.suspects as usize).await;

    let until = Some(w.now().plus_millis(1_000));
    for row in idle(w, &calls).await {
        w.park(&row, 1, until).await;
    }
    w.advance(2);
    twice(&sweep, |swept| swept.late_us.len()).await;

    assert_eq!(w.claim_as(worker(2), shard, 300).await.len(), BATCH + 1);
    w.advance(61);
    twice(&sweep, |swept| swept.overdue as usize).await;

    for row in w.claim_as(worker(2), shard, 300).await {
        w.end(&row).await;
    }
    w.advance(3_601);
    twice(&sweep, |swept| swept.forgotten as usize).await;
}

/// The first sweep handles 256 of 257, the second sweep the last one.
async fn twice(sweep: &impl AsyncFn() -> SweepReport, count: impl Fn(&SweepReport) -> usize) {
    let (first, second) = (sweep().await, sweep().await);
    assert_eq!((count(&first), first.more), (BATCH, true));
    assert_eq!((count(&second), second.more), (1, false));
}

/// Claims the suspects in groups.
async fn idle(w: &StoreHarness, calls: &[Call]) -> Vec<Row> {
    let mut rows = Vec::new();
    while rows.len() < calls.len() {
        let group = w.claim_wanting(worker(2), calls[0].shard(), ClaimRequest { max: 64, idle: true }).await;
        assert!(!group.is_empty(), "{} of {}", rows.len(), calls.len());
        rows.extend(group);
    }
    rows
}
