use super::*;
use crate::fakes::{Harness, delivery};
use common::member::Consuming;
use common::ports::intake::Delivered;
use std::collections::VecDeque;
use std::sync::Arc;

/// Serves until the log holds `line`, then shuts down.
async fn serve_until(harness: &Arc<Harness>, line: &str) {
    let dispatcher = harness.dispatcher();
    let shutdown = CancellationToken::new();
    let watch = async {
        while !harness.log().iter().any(|l| l == line) {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let mut consumer = Consumer::new(&dispatcher);
    let both = async { tokio::join!(consumer.serve(&shutdown), watch) };
    tokio::time::timeout(std::time::Duration::from_secs(5), both).await.expect("the consumer stops");
}

#[tokio::test]
async fn an_event_that_the_store_does_not_take_holds_back_only_its_own_reference() {
    let harness = Arc::new(Harness::default());
    let session = harness.session();
    harness.unanswered.lock().unwrap().insert("e1".into(), 3);
    for (tag, id, call) in [(1, "e1", "a"), (2, "e2", "a"), (3, "e3", "b")] {
        session.send(delivery(tag, id, call)).unwrap();
    }
    serve_until(&harness, "ack 3").await;
    assert!(harness.position_of("end e3") < harness.position_of("end e1"));
    assert!(harness.position_of("end e1") < harness.position_of("begin e2"));
    let acks: Vec<String> = harness.log().into_iter().filter(|line| line.starts_with("ack")).collect();
    assert!(
        harness.position_of(&acks[0]) > harness.position_of("end e1"),
        "acknowledged before it was stored: {acks:?}"
    );
}

#[tokio::test]
async fn an_event_for_a_record_of_a_newer_release_keeps_its_place_and_is_not_rejected() {
    let harness = Arc::new(Harness::default());
    let session = harness.session();
    harness.too_new.lock().unwrap().insert("e1".into(), 3);
    for (tag, id, call) in [(1, "e1", "a"), (2, "e2", "a"), (3, "e3", "b")] {
        session.send(delivery(tag, id, call)).unwrap();
    }
    serve_until(&harness, "ack 3").await;
    assert!(harness.position_of("end e3") < harness.position_of("end e1"));
    assert!(harness.position_of("end e1") < harness.position_of("begin e2"));
    assert!(!harness.log().iter().any(|line| line.starts_with("reject")), "{:?}", harness.log());
}

#[tokio::test]
async fn a_reference_keeps_its_turn_across_lives_of_the_consumer() {
    let harness = Arc::new(Harness::default());
    let (first, second) = (harness.session(), harness.session());
    harness.unanswered.lock().unwrap().insert("e1".into(), 1);
    first.send(delivery(1, "e1", "a")).unwrap();
    first.send(delivery(2, "e2", "a")).unwrap();
    drop(first);
    harness.answers.lock().unwrap().insert(
        "e1".into(),
        VecDeque::from([
            Delivered::Applied { to: None, started: vec![], backlog: 0, claimed: None },
            Delivered::Duplicate,
        ]),
    );
    second.send(delivery(1, "e1", "a")).unwrap();
    second.send(delivery(2, "e2", "a")).unwrap();
    serve_until(&harness, "ack 2").await;
    let stored: Vec<String> = harness.log().into_iter().filter(|l| !l.starts_with("ack")).collect();
    assert_eq!(stored, ["begin e1", "begin e1", "end e1", "begin e1", "end e1", "begin e2", "end e2"]);
}

#[tokio::test]
async fn what_an_earlier_life_settles_acknowledges_nothing_in_the_next() {
    let harness = Arc::new(Harness::default());
    let (first, second) = (harness.session(), harness.session());
    harness.unanswered.lock().unwrap().extend([("e1".into(), 1), ("e2".into(), 9)]);
    first.send(delivery(1, "e1", "a")).unwrap();
    drop(first);
    second.send(delivery(1, "e2", "b")).unwrap();
    serve_until(&harness, "ack 1").await;
    assert!(harness.position_of("end e1") < harness.position_of("ack 1"));
    assert!(harness.position_of("end e2") < harness.position_of("ack 1"));
}

#[tokio::test]
async fn a_rejection_is_repeated_until_it_is_confirmed_and_only_then_acknowledged() {
    let harness = Arc::new(Harness::default());
    *harness.rejected_unconfirmed.lock().unwrap() = 2;
    let session = harness.session();
    session.send(Delivery { body: b"{".to_vec(), ..delivery(1, "e1", "a") }).unwrap();
    serve_until(&harness, "ack 1").await;
    assert_eq!(harness.log().iter().filter(|line| line.starts_with("reject ")).count(), 3);
}

#[tokio::test]
async fn an_unreadable_event_is_rejected_and_acknowledged_even_when_the_rejected_queue_is_full() {
    let harness = Arc::new(Harness::default());
    *harness.rejected_refused.lock().unwrap() = u32::MAX;
    let session = harness.session();
    session.send(Delivery { body: b"{".to_vec(), ..delivery(7, "e1", "a") }).unwrap();
    serve_until(&harness, "ack 7").await;
    assert!(harness.log()[0].starts_with("reject "));
}

/// A broker refuses it once when somebody deletes the rejected queue at that moment.
#[tokio::test]
async fn a_rejection_that_is_refused_once_is_not_dropped() {
    let harness = Arc::new(Harness::default());
    *harness.rejected_refused.lock().unwrap() = 1;
    let session = harness.session();
    session.send(Delivery { body: b"{".to_vec(), ..delivery(7, "e1", "a") }).unwrap();
    serve_until(&harness, "ack 7").await;
    let attempts = harness.log().iter().filter(|line| line.starts_with("reject ")).count();
    assert_eq!((attempts, *harness.rejected_refused.lock().unwrap()), (2, 0));
}

#[tokio::test]
async fn a_full_inbox_is_a_rejection() {
    let harness = Arc::new(Harness::default());
    let owner = "00000000-0000-8000-8000-000000000000".parse().unwrap();
    harness.answers.lock().unwrap().insert("e1".into(), VecDeque::from([Delivered::InboxFull { owner }]));
    let session = harness.session();
    session.send(delivery(1, "e1", "a")).unwrap();
    serve_until(&harness, "ack 1").await;
    harness.position_of("reject inbox_full");
}

#[tokio::test]
async fn a_suspect_waits_until_nothing_else_is_running() {
    let harness = Arc::new(Harness::default());
    let session = harness.session();
    session.send(delivery(1, "e1", "a")).unwrap();
    session.send(Delivery { delivery_count: 3, ..delivery(2, "e2", "b") }).unwrap();
    session.send(delivery(3, "e3", "c")).unwrap();
    serve_until(&harness, "ack 3").await;
    let log: Vec<String> = harness.log().into_iter().filter(|l| !l.starts_with("ack")).collect();
    assert_eq!(log, ["begin e1", "end e1", "count", "begin e2", "end e2", "begin e3", "end e3"]);
}

#[tokio::test]
async fn after_five_attempts_alone_an_event_is_poison() {
    let harness = Arc::new(Harness::default());
    *harness.attempts.lock().unwrap() = 5;
    let session = harness.session();
    session.send(Delivery { delivery_count: 8, ..delivery(1, "e1", "a") }).unwrap();
    serve_until(&harness, "ack 1").await;
    assert_eq!(harness.log(), ["count", "reject poison", "ack 1"]);
}

#[tokio::test]
async fn an_attempt_that_the_dispatcher_survived_is_not_counted_again() {
    let harness = Arc::new(Harness::default());
    let (first, second) = (harness.session(), harness.session());
    for (tag, session) in [(1, first), (7, second)] {
        session.send(Delivery { delivery_count: 3, ..delivery(tag, "e1", "a") }).unwrap();
    }
    serve_until(&harness, "ack 7").await;
    assert_eq!(harness.log().iter().filter(|line| *line == "count").count(), 1, "{:?}", harness.log());
}

#[tokio::test]
async fn stale_definitions_are_loaded_and_the_event_is_addressed_again() {
    let harness = Arc::new(Harness::default());
    harness.publish_through(4).await;
    let session = harness.session();
    session.send(delivery(1, "e1", "a")).unwrap();
    serve_until(&harness, "ack 1").await;
    assert_eq!(harness.log(), ["begin e1", "end e1", "begin e1", "end e1", "ack 1"]);
    assert_eq!(*harness.generations.lock().unwrap(), [0, 4]);
}

#[tokio::test]
async fn the_heartbeats_know_whether_events_come() {
    let harness = Arc::new(Harness::default());
    let (first, _second) = (harness.session(), harness.session());
    let dispatcher = harness.dispatcher();
    let mut source = Source::new(harness.clone(), &dispatcher.consuming);
    let now = || *dispatcher.consuming.borrow();
    assert_eq!(now(), Consuming::Connecting);
    assert!(source.next().now_or_never().is_none());
    assert_eq!(now(), Consuming::Waiting);
    first.send(delivery(1, "e1", "a")).unwrap();
    assert!(source.next().await.is_some());
    assert_eq!(now(), Consuming::Receiving);
    drop(first);
    assert!(source.next().await.is_none());
    assert_eq!(now(), Consuming::Connecting);
    assert!(source.next().now_or_never().is_none());
    assert_eq!(now(), Consuming::Waiting);
}
