//! One look at a shard handles so much of each kind, and says that there is more. Not among the cases that run on every
//! adapter in every way: it takes hundreds of calls.

use super::world::*;
use common::ports::upkeep::Swept;
use common::ports::work::{Row, Want};

const BATCH: usize = 256;

#[tokio::test]
async fn memory() {
    one_look_handles_256_of_a_kind_and_says_that_there_is_more(&World::memory(false)).await;
}

#[tokio::test]
async fn embedded() {
    one_look_handles_256_of_a_kind_and_says_that_there_is_more(&World::embedded(false)).await;
}

#[tokio::test]
async fn redis() {
    one_look_handles_256_of_a_kind_and_says_that_there_is_more(&World::redis(false).await).await;
}

async fn one_look_handles_256_of_a_kind_and_says_that_there_is_more(w: &World) {
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

/// 256 of 257 at the first look, the last one at the second.
async fn twice(sweep: &impl AsyncFn() -> Swept, count: impl Fn(&Swept) -> usize) {
    let (first, second) = (sweep().await, sweep().await);
    assert_eq!((count(&first), first.more), (BATCH, true));
    assert_eq!((count(&second), second.more), (1, false));
}

/// What the dead held, claimed in groups.
async fn idle(w: &World, calls: &[Call]) -> Vec<Row> {
    let mut rows = Vec::new();
    while rows.len() < calls.len() {
        let group = w.claim_wanting(worker(2), calls[0].shard(), Want { max: 64, idle: true }).await;
        assert!(!group.is_empty(), "{} of {}", rows.len(), calls.len());
        rows.extend(group);
    }
    rows
}
