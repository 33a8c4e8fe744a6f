//! Events arrive in order, and are redelivered until they are acknowledged.

use super::harness::{BusHarness, Kind, Limits, SOON, TRACE, next, number};
use common::ports::bus::{Deliveries, Delivery};
use common::ports::error::BusError;
use futures_util::FutureExt;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// Takes `count` deliveries of a new session, whose tags count from 1 without a gap.
async fn take(harness: &BusHarness, count: u64) -> (Box<dyn Deliveries>, Vec<Delivery>) {
    let mut deliveries = harness.bus.consume().await;
    let mut taken = Vec::new();
    for tag in 1..=count {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.tag, tag);
        taken.push(delivery);
    }
    (deliveries, taken)
}

fn numbers(taken: &[Delivery]) -> Vec<usize> {
    taken.iter().map(number).collect()
}

fn counts(taken: &[Delivery]) -> Vec<u64> {
    taken.iter().map(|delivery| delivery.delivery_count).collect()
}

pub async fn events_come_in_order_as_they_were_published(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    harness.offer_all(0..3).await;
    let harness = harness.reopened().await;
    let (mut deliveries, taken) = take(&harness, 3).await;
    let expected = |n: usize| Delivery {
        tag: n as u64 + 1,
        body: n.to_string().into_bytes(),
        routing_key: "call.incoming".into(),
        reference: Some("call-1".into()),
        message_id: Some(format!("event-{n}")),
        traceparent: Some(TRACE.into()),
        user_id: Some("guest".into()),
        delivery_count: 0,
        unreadable: None,
    };
    assert_eq!(taken, (0..3).map(expected).collect::<Vec<_>>());
    harness.offer(3).await.expect("confirmed");
    assert_eq!(next(&mut deliveries).await, expected(3));
}

pub async fn an_acknowledgement_covers_exactly_the_prefix(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    harness.offer_all(0..20).await;
    let (deliveries, taken) = take(&harness, 20).await;
    assert_eq!((numbers(&taken), counts(&taken)), ((0..20).collect(), vec![0; 20]));
    deliveries.ack_through(4);
    deliveries.ack_through(9);
    deliveries.ack_through(3);
    drop(deliveries);
    let (mut deliveries, taken) = take(&harness, 11).await;
    assert_eq!((numbers(&taken), counts(&taken)), ((9..20).collect(), vec![1; 11]));
    deliveries.ack_through(1_000);
    harness.offer(20).await.expect("confirmed");
    assert_eq!(number(&next(&mut deliveries).await), 20);
    deliveries.ack_through(12);
    drop(deliveries);
    let harness = harness.reopened().await;
    harness.offer(21).await.expect("confirmed");
    let (_deliveries, taken) = take(&harness, 1).await;
    assert_eq!(numbers(&taken), [21], "all others were acknowledged");
}

pub async fn what_is_not_acknowledged_comes_again_in_every_life_with_a_count(kind: Kind) {
    let mut harness = BusHarness::new(kind).await;
    harness.offer_all(0..5).await;
    for session in 0..6 {
        let (deliveries, taken) = take(&harness, 5).await;
        assert_eq!((numbers(&taken), counts(&taken)), ((0..5).collect(), vec![session; 5]));
        drop(deliveries);
        if session % 2 == 1 {
            harness = harness.reopened().await;
        }
    }
    let (deliveries, _) = take(&harness, 5).await;
    deliveries.ack_through(2);
    harness.offer_all(5..7).await;
    drop(deliveries);
    let harness = harness.reopened().await;
    let (_deliveries, taken) = take(&harness, 5).await;
    assert_eq!(numbers(&taken), (2..7).collect::<Vec<_>>());
    assert_eq!(counts(&taken)[..3], [7; 3]);
}

pub async fn what_nobody_was_given_has_no_count(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    harness.offer_all(0..2).await;
    let (deliveries, _) = take(&harness, 2).await;
    deliveries.ack_through(1);
    drop(deliveries);
    let harness = harness.reopened().await;
    harness.offer_all(2..4).await;
    let (_deliveries, taken) = take(&harness, 3).await;
    assert_eq!((numbers(&taken), counts(&taken)), (vec![1, 2, 3], vec![1, 0, 0]));
}

/// Not a case for RabbitMQ, which notices a little later that a consumer is gone.
pub async fn what_comes_between_two_lives_has_no_count(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    for number in 0..3 {
        let (deliveries, taken) = take(&harness, number).await;
        assert_eq!(counts(&taken), (0..number).rev().collect::<Vec<_>>());
        drop(deliveries);
        harness.offer(number as usize).await.expect("confirmed");
    }
}

/// An event that kills every process that takes it must not look new to the next process.
pub async fn what_was_handed_out_is_counted_however_soon_the_process_dies(kind: Kind) {
    let mut harness = BusHarness::new(kind).await;
    harness.offer_all(0..3).await;
    for process in 0..6 {
        let (_deliveries, taken) = take(&harness, 1).await;
        assert_eq!((numbers(&taken), counts(&taken)), (vec![0], vec![process]));
        harness = harness.killed();
    }
}

pub async fn no_more_than_the_prefetch_is_held(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { prefetch: 4, ..Limits::default() }).await;
    harness.offer_all(0..12).await;
    let (mut deliveries, _) = take(&harness, 4).await;
    assert!(timeout(Duration::from_millis(300), deliveries.next()).await.is_err(), "four are held");
    deliveries.ack_through(3);
    for expected in 4..7 {
        assert_eq!(number(&next(&mut deliveries).await), expected);
    }
    assert!(timeout(Duration::from_millis(300), deliveries.next()).await.is_err(), "four are held");
    drop(deliveries);
    let (_deliveries, taken) = take(&harness.reopened().await, 4).await;
    assert_eq!((numbers(&taken), counts(&taken)), (vec![3, 4, 5, 6], vec![1; 4]));
}

pub async fn another_consumer_stands_by_until_the_first_is_gone(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut deliveries = harness.bus.consume().await;
    let second = tokio::spawn({
        let bus = harness.bus.clone();
        async move {
            let mut deliveries = bus.consume().await;
            (number(&next(&mut deliveries).await), deliveries)
        }
    });
    harness.offer_all(0..2).await;
    assert_eq!(number(&next(&mut deliveries).await), 0);
    assert_eq!(number(&next(&mut deliveries).await), 1);
    assert!(!second.is_finished());
    drop(deliveries);
    let (first_again, _deliveries) = timeout(SOON, second).await.expect("it takes over").expect("no panic");
    assert_eq!(first_again, 0);
}

pub async fn a_dropped_wait_loses_nothing(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { prefetch: 2, ..Limits::default() }).await;
    harness.offer_all(0..40).await;
    let mut deliveries = harness.bus.consume().await;
    let started = Instant::now();
    let mut taken = 0;
    while taken < 40 {
        assert!(started.elapsed() < SOON, "{taken} arrived");
        let Some(delivery) = deliveries.next().now_or_never() else {
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        let delivery = delivery.expect("the consumer is open");
        assert_eq!(number(&delivery), taken);
        deliveries.ack_through(delivery.tag);
        taken += 1;
    }
}

pub async fn a_full_event_queue_refuses_until_there_is_room(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { events: 2_000, ..Limits::default() }).await;
    let mut confirmed = 0;
    let refusal = loop {
        match harness.offer(confirmed).await {
            Ok(()) => confirmed += 1,
            Err(refusal) => break refusal,
        }
        assert!(confirmed < 3_000, "the limit has no effect");
    };
    assert!(matches!(refusal, BusError::Nacked { .. }), "{refusal:?}");
    let mut deliveries = harness.bus.consume().await;
    for expected in 0..confirmed {
        let delivery = next(&mut deliveries).await;
        assert_eq!(number(&delivery), expected, "a confirmed event is stored");
        deliveries.ack_through(delivery.tag);
    }
    let started = Instant::now();
    while harness.offer(confirmed).await.is_err() {
        assert!(started.elapsed() < SOON, "the queue is empty and still refuses");
        sleep(Duration::from_millis(20)).await;
    }
}
