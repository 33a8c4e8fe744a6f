//! Operations of several shards go in one call of Redis; in a cluster, each shard has calls of its own.

use super::harness::*;
use common::Shard;
use common::ports::intake::{Deliver, Delivered};
use futures_util::future::join_all;

#[tokio::test]
async fn operations_of_several_shards_share_calls() {
    let w = StoreHarness::redis(false).await;
    start_calls_in_two_shards(&w, "a").await;
    assert_eq!(start_calls_in_two_shards(&w, "b").await, 1, "calls for 60 operations");
}

#[tokio::test]
async fn a_cluster_gets_calls_for_one_shard_each() {
    let w = StoreHarness::redis_cluster().await;
    start_calls_in_two_shards(&w, "a").await;
    assert_eq!(start_calls_in_two_shards(&w, "b").await, 2, "calls for the operations of two shards");
}

/// Starts 30 calls in each of two shards of a queue at once. Returns the number of calls of the script.
async fn start_calls_in_two_shards(w: &StoreHarness, name: &str) -> u64 {
    let shards = [Shard(1), Shard(1 + adapters::redis::CALL_QUEUES as u16)];
    let of = |shard: Shard| {
        (0..).map(|n| call(&format!("{name}-{n}"))).filter(move |call| call.shard() == shard).take(30)
    };
    // The first shard knows newer definitions than the second.
    let newer = |call: Call| Deliver { generation: 5, ..call.incoming("e1") };
    let pairs = of(shards[0]).zip(of(shards[1]));
    let events: Vec<_> = pairs.flat_map(|(first, second)| [newer(first), second.incoming("e1")]).collect();
    let before = script_calls(w).await;
    let answers = join_all(events.iter().map(|event| w.store.deliver(event))).await;
    let after = script_calls(w).await;
    for shard in shards {
        let of_shard = events.iter().zip(&answers).filter(|(event, _)| event.shard == shard);
        let backlogs = of_shard.map(|(_, answer)| match answer {
            Ok(Delivered::Applied { backlog, .. }) => *backlog,
            other => panic!("expected to be applied, got {other:?}"),
        });
        assert_eq!(
            backlogs.collect::<Vec<_>>(),
            (1..=30).collect::<Vec<_>>(),
            "ready activeflows of {shard}"
        );
        assert_eq!(w.claim_as(worker(1), shard, 100).await.len(), 30);
    }
    after - before
}

async fn script_calls(w: &StoreHarness) -> u64 {
    let client = redis::Client::open(w.url.as_deref().unwrap()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = |line: &str| line.strip_prefix("cmdstat_evalsha:calls=")?.split(',').next()?.parse().ok();
    stats.lines().find_map(calls).unwrap_or_default()
}
