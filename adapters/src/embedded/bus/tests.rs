//! Behaviour that the contract tests cannot observe: a failing disk, and the metrics.

use super::bus::Bus;
use super::event::Event;
use super::names::{EVENTS, REJECTED};
use super::queue::Definition;
use super::queues::{Limits, Queues};
use super::settings::Settings;
use crate::embedded::disk::Disk;
use common::command::Message;
use common::ports::bus::Bus as _;
use common::ports::commands::{CommandQueue, Commands, QueueCondition};
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
    let disk = Arc::new(Disk::open(&dir, |_, _| Ok(())).unwrap());
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
    let bus =
        Bus::recover(Arc::new(Disk::open(&dir, |_, _| Ok(())).unwrap()), &Settings::default(), []).unwrap();
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
    let now = Instant::now();
    let mut queues = small_queues();
    let mut publish = |number, bytes| queues.publish(&message(number, bytes), now, &mut Vec::new());
    let dropped: Vec<_> = (1..=5).map(|number| publish(number, 250)).collect();
    assert_eq!(dropped, [Ok(0), Ok(0), Ok(1), Ok(1), Ok(1)]);
    assert_eq!(publish(6, 5_000), Ok(3), "both waiting commands, and the new one");
    queues.open(all("gateway"), now, &mut Vec::new());
    assert_eq!(queues.publish(&message(7, 5_000), now, &mut Vec::new()), Err("gateway".into()));
}

const IDLE: Duration = Duration::from_secs(300);

fn small_queues() -> Queues {
    Queues::new(Limits { queue: 1_000, unrouted: 1_000, idle: IDLE })
}

fn all(name: &str) -> Definition {
    Definition { name: name.into(), patterns: vec!["#".into()] }
}

fn queue(queues: &Queues, name: &str, now: Instant) -> CommandQueue {
    queues.list(now).into_iter().find(|queue| queue.name == name).unwrap()
}

/// Publishes until `queues` refuses; returns the number of the refused command.
fn fill(queues: &mut Queues, now: Instant) -> u32 {
    (1..100).find(|n| queues.publish(&message(*n, 250), now, &mut Vec::new()).is_err()).unwrap()
}

#[test]
fn a_full_queue_that_nobody_empties_is_set_aside_and_holds_up_nobody() {
    let start = Instant::now();
    let mut queues = small_queues();
    let changes = &mut Vec::new();
    queues.open(all("forgotten"), start, changes);
    let refused = fill(&mut queues, start);
    assert_eq!(queue(&queues, "forgotten", start).condition, QueueCondition::Full);
    // Opening it again, without acknowledging, does not prolong the wait of the others.
    queues.open(all("forgotten"), start + IDLE, changes);
    assert_eq!(queues.publish(&message(refused, 250), start + IDLE, changes), Err("forgotten".into()));
    let late = start + IDLE + Duration::from_millis(1);
    assert_eq!(
        queues.publish(&message(refused, 250), late, changes),
        Ok(0),
        "it waits in signalbox.unrouted"
    );
    assert_eq!(queue(&queues, "forgotten", late).condition, QueueCondition::SetAside);
    assert_eq!(queues.unrouted().len(), 1);

    // Another gateway gets everything that comes from now on, and the commands that nobody has.
    queues.open(all("gateway"), late, changes);
    for number in 50..53 {
        assert_eq!(queues.publish(&message(number, 10), late, changes), Ok(0), "also one that would fit");
        let last = queues.last_position();
        assert!(queues.ack("gateway", last, late, changes).is_some());
    }
    let aside = queue(&queues, "forgotten", late);
    assert_eq!((aside.missed, aside.commands), (3, u64::from(refused) - 1), "what it had stays");
}

#[test]
fn a_queue_that_was_set_aside_takes_commands_again_when_half_of_it_is_empty() {
    let start = Instant::now();
    let late = start + IDLE * 2;
    let mut queues = small_queues();
    let changes = &mut Vec::new();
    queues.open(all("slow"), start, changes);
    let refused = fill(&mut queues, start);
    for number in refused..refused + 2 {
        assert_eq!(queues.publish(&message(number, 250), late, changes), Ok(0));
    }
    let ids = |queues: &Queues| -> Vec<String> {
        queues.get("slow").unwrap().waiting.iter().map(|entry| entry.item.id.clone()).collect()
    };
    while queue(&queues, "slow", late).condition == QueueCondition::SetAside {
        let first = queues.get("slow").unwrap().waiting.first().unwrap();
        queues.ack("slow", first, late, changes).unwrap();
    }
    let expected: Vec<String> = (refused - 1..refused + 2).map(|number| format!("flow:{number}")).collect();
    assert!(
        ids(&queues).ends_with(&expected),
        "{:?}: in order, with those that waited elsewhere",
        ids(&queues)
    );
    assert_eq!(queues.unrouted().len(), 0);
}

#[test]
fn a_queue_whose_reader_acknowledges_is_never_set_aside() {
    let mut now = Instant::now();
    let mut queues = small_queues();
    let changes = &mut Vec::new();
    queues.open(all("slow"), now, changes);
    fill(&mut queues, now);
    for number in 100..110 {
        now += IDLE;
        let outcome = queues.publish(&message(number, 250), now, changes);
        assert_eq!(outcome, Err("slow".into()), "its reader is only slow");
        let first = queues.get("slow").unwrap().waiting.first().unwrap();
        queues.ack("slow", first, now, changes).unwrap();
        queues.publish(&message(number, 250), now, changes).unwrap();
    }
}

/// Otherwise a restart would let it hold up the others again.
#[tokio::test]
async fn a_queue_stays_set_aside_after_a_restart() {
    let dir = folder("aside");
    let settings =
        Settings { queue_idle_limit: Duration::ZERO, commands_max_bytes: 1_000, ..Settings::default() };
    let bus = Bus::recover(Arc::new(Disk::open(&dir, |_, _| Ok(())).unwrap()), &settings, []).unwrap();
    drop(bus.open("forgotten", &["call.#".to_owned()], None).await.unwrap());
    for number in 1..20 {
        bus.publish(message(number, 250)).await.unwrap();
    }
    let before = bus.list();
    assert_eq!((before[0].condition, before[0].is_read), (QueueCondition::SetAside, false));
    drop(bus);
    let mut records = Vec::new();
    let disk = Disk::open(&dir, |key, value| {
        records.push((key.to_vec(), value.to_vec()));
        Ok(())
    })
    .unwrap();
    let bus = Bus::recover(Arc::new(disk), &settings, records).unwrap();
    let after = bus.list();
    assert_eq!((after[0].condition, after[0].commands), (QueueCondition::SetAside, before[0].commands));
    let _ = std::fs::remove_dir_all(&dir);
}
