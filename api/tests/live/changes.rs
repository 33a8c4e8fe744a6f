//! `GET /v1/activeflows/events`

use super::harness::{ADMIN, LiveHarness, OTHER, OURS, PLAIN, Shape, THEIRS};
use super::stream::{Block, Stream, is_problem};
use axum::http::Response;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

const EVENTS: &str = "/v1/activeflows/events";

fn is_end(block: &Block) -> bool {
    block.event == "ended"
}

#[tokio::test]
async fn an_activeflow_is_told_from_its_start_to_its_end() {
    let mut harness = LiveHarness::new().await;
    harness.run();
    let mut stream = harness.stream(EVENTS, None).await;
    let id = harness.call("call-1", OURS).await;
    let received = stream.until(|block| block.event == "waiting").await;
    assert_eq!(received[0].event_and("id"), ("created".into(), id.clone()));
    assert_eq!(received.iter().map(|block| block.event.as_str()).collect::<Vec<_>>(), ["created", "waiting"]);
    let waiting = received[1].json();
    assert_eq!(waiting["current_action"]["type"], "talk");
    assert_eq!(waiting["reference_id"], "call-1");
    harness.hangup("call-1").await;
    let received = stream.until(is_end).await;
    assert_eq!(received.iter().map(|block| block.event.as_str()).collect::<Vec<_>>(), ["moved", "ended"]);
    let ended = received[1].json();
    assert_eq!((&ended["state"], &ended["end_reason"]), (&json!("ended"), &json!("hangup")));
    assert!(ended.get("variables").is_none(), "{ended}");
}

#[tokio::test]
async fn another_customers_activeflows_are_not_told() {
    let mut harness = LiveHarness::new().await;
    harness.run();
    let mut ours = harness.stream(EVENTS, None).await;
    let mut theirs = Stream::of(harness.get(PLAIN, EVENTS, None).await);
    let mut named = harness.stream(&format!("{EVENTS}?customer_id={OTHER}"), None).await;
    for n in 0..4 {
        harness.call(&format!("theirs-{n}"), THEIRS).await;
        harness.call(&format!("ours-{n}"), OURS).await;
        harness.hangup(&format!("theirs-{n}")).await;
        harness.hangup(&format!("ours-{n}")).await;
    }
    for (stream, whose) in [(&mut ours, "ours"), (&mut theirs, "theirs"), (&mut named, "theirs")] {
        for _ in 0..4 {
            for block in stream.until(is_end).await {
                assert!(block.event_and("reference_id").1.starts_with(whose), "{block:?}");
            }
        }
    }
}

#[tokio::test]
async fn only_what_fits_the_filters_is_told() {
    let mut harness = LiveHarness::new().await;
    let mut one = harness.stream(&format!("{EVENTS}?reference_type=call&reference_id=call-2"), None).await;
    let mut ends = harness.stream(&format!("{EVENTS}?status=ended"), None).await;
    let mut none = harness.stream(&format!("{EVENTS}?reference_type=sms"), None).await;
    harness.run();
    for n in 1..4 {
        harness.call(&format!("call-{n}"), OURS).await;
        harness.hangup(&format!("call-{n}")).await;
    }
    for block in one.until(is_end).await {
        assert_eq!(block.event_and("reference_id").1, "call-2");
    }
    let mut ended = Vec::new();
    while ended.len() < 3 {
        let block = ends.event().await;
        assert_eq!(block.event_and("state").1, "ended", "{block:?}");
        ended.extend(is_end(&block).then(|| block.event_and("reference_id").1));
    }
    // Its place moves on all the same: with a keep-alive.
    let place = none.block().await.unwrap();
    let later = none.block().await.unwrap();
    assert_eq!((place.event.as_str(), later.event.as_str()), ("", ""));
    assert_ne!(place.id, later.id);
    is_problem(
        harness.get(ADMIN, &format!("{EVENTS}?state=asleep"), None).await,
        400,
        "invalid_query",
        "asleep",
    )
    .await;
}

/// By activeflow: its events, in order.
fn by_activeflow(blocks: &[Block]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for block in blocks {
        let (event, id) = block.event_and("id");
        all.entry(id).or_default().push(event);
    }
    all
}

/// Wherever a client is cut off, it goes on with exactly what it has not seen.
#[tokio::test]
async fn a_stream_goes_on_without_a_gap_and_without_a_repeat() {
    let mut harness = LiveHarness::new().await;
    harness.run();
    let mut stream = harness.stream(EVENTS, None).await;
    let before = stream.block().await.unwrap();
    assert!(
        before.event.is_empty() && !before.id.is_empty(),
        "there is an id before the first event: {before:?}"
    );
    for n in 0..6 {
        harness.call(&format!("call-{n}"), OURS).await;
        harness.call(&format!("theirs-{n}"), THEIRS).await;
    }
    for n in 0..6 {
        harness.hangup(&format!("call-{n}")).await;
    }
    let mut received = Vec::new();
    while received.iter().filter(|block| is_end(block)).count() < 6 {
        received.push(stream.event().await);
    }
    drop(stream);
    // A change while no stream is open.
    harness.call("call-last", OURS).await;
    harness.hangup("call-last").await;
    let mut last = harness.stream(EVENTS, Some(&received[received.len() - 1].id)).await;
    received
        .extend(last.until(|block| is_end(block) && block.event_and("reference_id").1 == "call-last").await);

    let ids = std::iter::once(&before.id).chain(received.iter().map(|block| &block.id));
    for (seen, id) in ids.enumerate() {
        let unseen = &received[seen..];
        let mut again = harness.stream(EVENTS, Some(id)).await;
        let mut got = Vec::new();
        while got.len() < unseen.len() {
            got.push(again.event().await);
        }
        assert_eq!(by_activeflow(&got), by_activeflow(unseen), "behind event {seen}");
        // And nothing more: the next block is where it stands now.
        assert_eq!(again.block().await.unwrap().event, "", "behind event {seen}");
    }
}

#[tokio::test]
async fn lost_changes_are_a_gap_and_the_stream_continues() {
    let harness = LiveHarness::of(Shape { shards: 1, feed_length: 10, ..Shape::default() }).await;
    let mut stream = harness.stream(EVENTS, None).await;
    harness.call("call-0", OURS).await;
    let seen = stream.event().await;
    drop(stream);
    for n in 1..=9 {
        harness.call(&format!("call-{n}"), OURS).await;
    }
    let mut reached = harness.stream(EVENTS, Some(&seen.id)).await;
    assert_eq!(reached.event().await.event_and("reference_id"), ("created".into(), "call-1".into()));
    drop(reached);
    harness.call("call-10", OURS).await;
    harness.call("call-11", OURS).await;
    let made_up = "00".repeat(40);
    for id in [seen.id.as_str(), "made up", &made_up, "ff"] {
        let mut stream = harness.stream(EVENTS, Some(id)).await;
        let gap = stream.event().await;
        assert_eq!(gap.event, "gap", "{id}");
        assert!(gap.json()["detail"].as_str().unwrap().contains("list the activeflows again"));
        let subject = format!("after {id}");
        harness.call(&subject, OURS).await;
        let received = stream.until(|block| block.event_and("reference_id").1 == subject).await;
        assert!(received.iter().all(|block| block.event == "created"), "{received:?}");
        let mut behind_the_gap = harness.stream(EVENTS, Some(&gap.id)).await;
        assert_eq!(behind_the_gap.event().await.event, "created");
    }
}

/// The feed of another life of the store: positions that are not there yet.
#[tokio::test]
async fn a_place_of_another_life_of_the_store_is_a_gap() {
    let before = LiveHarness::of(Shape { shards: 1, ..Shape::default() }).await;
    let mut stream = before.stream(EVENTS, None).await;
    for n in 0..5 {
        before.call(&format!("call-{n}"), OURS).await;
    }
    let seen = stream.until(|block| block.event_and("reference_id").1 == "call-4").await;
    let harness = LiveHarness::of(Shape { shards: 1, ..Shape::default() }).await;
    harness.call("call-9", OURS).await;
    let mut stream = harness.stream(EVENTS, Some(&seen[4].id)).await;
    assert_eq!(stream.event().await.event, "gap");
    harness.call("call-10", OURS).await;
    assert_eq!(stream.event().await.event_and("reference_id").1, "call-10");
}

#[tokio::test]
async fn a_client_that_does_not_read_receives_a_gap_and_delays_no_other() {
    let harness = LiveHarness::of(Shape { shards: 1, ..Shape::default() }).await;
    let mut slow = harness.stream(EVENTS, None).await;
    let mut brisk = harness.stream(EVENTS, None).await;
    let count = 200;
    for n in 0..count {
        let subject = format!("call-{n}");
        harness.call(&subject, OURS).await;
        // One look each, so that the channel runs over.
        assert_eq!(brisk.event().await.event_and("reference_id"), ("created".into(), subject));
    }
    let received = slow.until(|block| block.event == "gap").await;
    assert!(received.len() < count, "{} events before the gap", received.len());
    let rest = slow.until(|block| block.event_and("reference_id").1 == format!("call-{}", count - 1)).await;
    assert!(received.len() + rest.len() - 1 < count);
}

#[tokio::test]
async fn a_process_follows_the_feeds_once_and_only_while_somebody_listens() {
    let shape = Shape::default();
    let shards = usize::from(shape.shards);
    let harness = LiveHarness::of(shape).await;
    let streams = [harness.stream(EVENTS, None).await, harness.stream(EVENTS, None).await];
    let feed_reads = || harness.feed_reads.load(Ordering::SeqCst);
    let before = feed_reads();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let during = feed_reads() - before;
    // A look every 10 ms by this harness's clock, at every shard.
    assert!((shards..=60 * shards).contains(&during), "{during} feed_reads");
    drop(streams);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = feed_reads();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(feed_reads(), after);
    let mut again = harness.stream(EVENTS, None).await;
    harness.call("call-1", OURS).await;
    assert_eq!(again.event().await.event, "created");
}

#[tokio::test]
async fn something_comes_also_when_there_is_nothing_to_tell() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(EVENTS, None).await;
    for _ in 0..3 {
        let block = stream.block().await.unwrap();
        assert!(block.event.is_empty() && !block.comment.is_empty() && !block.id.is_empty(), "{block:?}");
    }
}

#[tokio::test]
async fn streams_end_when_signalbox_stops() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(EVENTS, None).await;
    stream.block().await.unwrap();
    harness.shutdown.cancel();
    assert!(stream.last_words().await.concat().contains("connect again"));
}

#[tokio::test]
async fn a_key_has_so_many_streams_and_no_more() {
    let harness = LiveHarness::new().await;
    let mut open: Vec<Stream> = Vec::new();
    for _ in 0..32 {
        open.push(harness.stream(EVENTS, None).await);
    }
    let refused = |response: Response<_>| is_problem(response, 429, "too_many_streams", "32");
    assert_eq!(refused(harness.get(ADMIN, EVENTS, None).await).await["retry-after"], "1");
    refused(harness.get(ADMIN, "/v1/commands?queue=gateway", None).await).await;
    Stream::of(harness.get(PLAIN, EVENTS, None).await);
    open.pop();
    harness.stream(EVENTS, None).await;
}
