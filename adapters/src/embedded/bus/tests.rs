//! Behaviour that the contract tests cannot observe: a failing disk, and the metrics.

use super::bus::Bus;
use super::event::Event;
use super::names::{EVENTS, REJECTED};
use super::queues::{Definition, Queues};
use super::settings::Settings;
use crate::embedded::disk::Disk;
use common::command::Message;
use common::ports::bus::Bus as _;
use common::ports::commands::Commands;
use common::ports::error::BusError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("signalbox-bus-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn message(number: u32, bytes: usize) -> Message {
    Message {
        id: format!("flow:{number}"),
        routing_key: "call.talk".into(),
        correlation_id: "flow".into(),
        reference: "call-1".into(),
        traceparent: None,
        body: "x".repeat(bytes),
    }
}

/// Another connection locks the table, which has the effect of a full or failing disk.
#[tokio::test]
async fn a_failing_disk_refuses_messages_and_keeps_their_order_afterwards() {
    let dir = folder("refuses");
    let disk = Arc::new(Disk::open(&dir, |_, _| {}).unwrap());
    let settings = Settings { confirm_timeout: Duration::from_millis(200), ..Settings::default() };
    let bus = Bus::recover(disk, &settings, []).unwrap();
    let patterns = ["call.#".to_owned()];
    let mut reader = bus.open("gateway", &patterns, None).await.unwrap();
    let other = Connection::open(dir.join("signalbox.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let unconfirmed = |outcome| matches!(outcome, Err(BusError::Unconfirmed { .. }));
    assert!(
        unconfirmed(bus.publish(message(1, 1)).await),
        "it must resolve although the disk does not respond"
    );
    let started = Instant::now();
    while bus.is_up() {
        assert!(started.elapsed() < LIMIT, "the disk error is not reported");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = bus.publish(message(2, 1));
    assert!(unconfirmed(bus.offer(Event::default()).await));
    other.execute_batch("COMMIT").unwrap();
    while !bus.is_up() {
        assert!(started.elapsed() < LIMIT, "the disk does not recover");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let third = bus.publish(message(3, 1));
    assert!(unconfirmed(second.await));
    assert!(matches!(third.await, Err(BusError::Nacked { .. })), "the command before it was refused");
    bus.publish(message(2, 1)).await.unwrap();
    bus.publish(message(3, 1)).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(reader.next().await.unwrap().message.id);
    }
    assert_eq!(ids, ["flow:1", "flow:2", "flow:3"]);
    assert_eq!(bus.inner.state().events.ready(), 0, "a refused event must not be queued");
    let _ = std::fs::remove_dir_all(&dir);
}

#[tokio::test]
async fn the_gauges_count_messages_that_no_consumer_has() {
    let dir = folder("gauges");
    let bus = Bus::recover(Arc::new(Disk::open(&dir, |_, _| {}).unwrap()), &Settings::default(), []).unwrap();
    for _ in 0..3 {
        bus.offer(Event::default()).await.unwrap();
    }
    let mut deliveries = bus.consume().await;
    deliveries.next().await.unwrap();
    bus.publish(message(1, 1)).await.unwrap();
    bus.publish(message(2, 1)).await.unwrap();
    let depth = |name: &str| bus.inner.depths().into_iter().find(|(queue, _)| queue == name).map(|(_, n)| n);
    assert_eq!((depth(EVENTS), depth(REJECTED), depth("signalbox.unrouted")), (Some(2), Some(0), Some(2)));
    bus.open("gateway", &["call.*".to_owned()], None).await.unwrap();
    assert_eq!((depth("signalbox.unrouted"), depth("gateway")), (Some(0), Some(2)));
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn every_dropped_unrouted_command_is_counted() {
    let mut queues = Queues::new(1_000, 1_000);
    let mut publish = |number, bytes| queues.publish(&message(number, bytes), &mut Vec::new());
    let dropped: Vec<_> = (1..=5).map(|number| publish(number, 250)).collect();
    assert_eq!(dropped, [Ok(0), Ok(0), Ok(1), Ok(1), Ok(1)]);
    assert_eq!(publish(6, 5_000), Ok(3), "both waiting commands, and the new one");
    let definition = Definition { name: "gateway".into(), patterns: vec!["#".into()] };
    queues.open(definition, &mut Vec::new());
    assert_eq!(queues.publish(&message(7, 5_000), &mut Vec::new()), Err("gateway".into()));
}
