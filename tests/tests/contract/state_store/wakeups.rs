//! Wakeups inside one process. Between processes a wakeup is a message that may be late or lost.

use super::harness::*;
use common::Shard;
use common::ports::work::Wakeups;
use futures_util::FutureExt;

#[tokio::test]
async fn a_lane_that_becomes_ready_and_an_earlier_deadline_wake_their_shard() {
    for w in [StoreHarness::memory(false), StoreHarness::embedded(false)] {
        let (mut ready, mut due) = (w.store.listen_ready().await, w.store.listen_due().await);
        let calls = calls_of_one_shard(3);
        let shard = calls[0].shard();
        let mut next = || (next(&mut ready), next(&mut due));

        w.applied(&calls[0].incoming("e1")).await;
        assert_eq!(next(), (Some(shard), None));
        w.applied(&calls[1].incoming("e1")).await;
        w.applied(&calls[2].incoming("e1")).await;
        assert_eq!(next(), (None, None), "one wakeup covers all that are ready");

        let rows = w.claim_as(worker(1), shard, 10).await;
        let at = |seconds: i64| Some(w.now().plus_millis(seconds * 1_000));
        for (row, until, wakes) in
            [(&rows[0], at(50), Some(shard)), (&rows[1], at(50), None), (&rows[2], at(90), None)]
        {
            w.park(row, 1, until).await;
            assert_eq!(next(), (None, wakes));
        }
        w.applied(&calls[2].event("d1", "call.digits")).await;
        assert_eq!(next(), (Some(shard), None));
        let row = w.claim_one(shard).await;
        w.park(&row, 2, at(10)).await;
        assert_eq!(next(), (None, Some(shard)));
    }
}

fn next(wakeups: &mut Box<dyn Wakeups>) -> Option<Shard> {
    wakeups.next().now_or_never()
}
