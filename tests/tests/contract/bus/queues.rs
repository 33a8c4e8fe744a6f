//! Command queues for gateways without AMQP, which only the embedded bus has.

use super::harness::{BusHarness, Kind, Limits, command, message};
use common::command::Message;
use common::ports::commands::CommandReader;

pub fn typed(number: usize, kind: &str) -> Message {
    Message { routing_key: kind.into(), ..message(number) }
}

pub async fn open(
    harness: &BusHarness,
    queue: &str,
    patterns: &[&str],
    after: Option<u64>,
) -> Box<dyn CommandReader> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    harness.commands().open(queue, &patterns, after).await.expect("a reader")
}

/// Publishes a last command of type `kind` and takes everything up to it.
pub async fn all(
    harness: &BusHarness,
    reader: &mut Box<dyn CommandReader>,
    kind: &str,
) -> Vec<(u64, Message)> {
    let last = Message { id: format!("last {kind}"), ..typed(0, kind) };
    harness.bus.publish(last.clone()).await.expect("confirmed");
    let mut all = Vec::new();
    loop {
        let (position, message) = command(reader).await;
        if message == last {
            return all;
        }
        all.push((position, message));
    }
}

pub async fn publish(harness: &BusHarness, messages: &[Message]) {
    for message in messages {
        harness.bus.publish(message.clone()).await.expect("confirmed");
    }
}

fn ids(taken: &[(u64, Message)]) -> Vec<String> {
    taken.iter().map(|(_, message)| message.id.clone()).collect()
}

pub async fn a_queue_takes_what_its_patterns_say(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut calls = open(&harness, "calls", &["call.#", "call.talk"], None).await;
    let mut texts = open(&harness, "texts", &["message.*", "call.*"], None).await;
    publish(&harness, &[typed(1, "call.talk"), typed(2, "message.send"), typed(3, "call.leg.connect")]).await;
    let taken = all(&harness, &mut calls, "call").await;
    assert_eq!(
        taken.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>(),
        [typed(1, "call.talk"), typed(3, "call.leg.connect")]
    );
    assert_eq!(ids(&all(&harness, &mut texts, "message.end").await), ["flow:1", "flow:2"]);
}

pub async fn opening_again_replaces_the_patterns_and_ends_the_reader_before(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut first = open(&harness, "gateway", &["call.#"], None).await;
    publish(&harness, &[typed(1, "call.talk")]).await;
    let mut second = open(&harness, "gateway", &["message.#"], None).await;
    assert!(first.next().await.is_none(), "another reader has opened the queue");
    publish(&harness, &[typed(2, "call.talk"), typed(3, "message.send")]).await;
    assert_eq!(ids(&all(&harness, &mut second, "message.end").await), ["flow:1", "flow:3"]);
    drop((first, second));
    let harness = harness.reopened().await;
    publish(&harness, &[typed(4, "message.send"), typed(5, "call.talk")]).await;
    let mut third = open(&harness, "gateway", &["sim.#"], None).await;
    assert_eq!(
        ids(&all(&harness, &mut third, "sim.end").await),
        ["flow:1", "flow:3", "last message.end", "flow:4"]
    );
}

pub async fn what_is_not_acknowledged_comes_again_to_the_next_reader(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    publish(&harness, &(0..6).map(message).collect::<Vec<_>>()).await;
    let mut positions = Vec::new();
    for _ in 0..6 {
        positions.push(command(&mut reader).await.0);
    }
    assert!(positions.is_sorted());
    assert_eq!(harness.commands().ack("gateway", positions[1]).await, Ok(4));
    assert_eq!(harness.commands().ack("gateway", positions[0]).await, Ok(4), "acknowledged before");
    drop(reader);
    let harness = harness.reopened().await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    for (expected, position) in positions.iter().enumerate().skip(2) {
        assert_eq!(
            command(&mut reader).await,
            (*position, message(expected)),
            "the same command at the same position"
        );
    }
    let mut reader = open(&harness, "gateway", &["call.#"], Some(positions[3])).await;
    assert_eq!(command(&mut reader).await, (positions[4], message(4)));
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    assert_eq!(command(&mut reader).await, (positions[2], message(2)));
    assert_eq!(harness.commands().ack("gateway", positions[5]).await, Ok(0));
    let unknown = harness.commands().ack("gateway", positions[5] + 1).await.expect_err("not delivered yet");
    assert!(unknown.to_string().contains(&positions[5].to_string()), "{unknown}");
    assert!(harness.commands().ack("nobody", 0).await.is_err());
}

pub async fn a_position_means_one_command_for_ever(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    publish(&harness, &[message(1), message(2)]).await;
    command(&mut reader).await;
    let (last, _) = command(&mut reader).await;
    harness.commands().ack("gateway", last).await.expect("acknowledged");
    drop(reader);
    let harness = harness.reopened().await;
    harness.commands().delete("gateway").await.expect("deleted");
    let mut reader = open(&harness, "gateway", &["call.#"], Some(last)).await;
    publish(&harness, &[message(3)]).await;
    let (position, third) = command(&mut reader).await;
    assert_eq!(third, message(3), "a new command gets a position behind the one that the gateway knows");
    assert!(position > last);
    let mut elsewhere = open(&harness, "gateway", &["call.#"], Some(1_000_000)).await;
    assert_eq!(command(&mut elsewhere).await.1, message(3), "a position of another data folder is ignored");
}

pub async fn what_nobody_took_goes_to_the_first_queue_that_does(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    publish(&harness, &[typed(1, "call.talk"), typed(2, "message.send"), typed(3, "call.talk")]).await;
    let harness = harness.reopened().await;
    let mut texts = open(&harness, "texts", &["message.#"], None).await;
    publish(&harness, &[typed(4, "call.talk")]).await;
    assert_eq!(ids(&all(&harness, &mut texts, "message.end").await), ["flow:2"]);
    let mut calls = open(&harness, "calls", &["call.#"], None).await;
    let mut others = open(&harness, "others", &["#"], None).await;
    let from_calls = all(&harness, &mut calls, "call.end").await;
    assert_eq!(ids(&from_calls), ["flow:1", "flow:3", "flow:4"]);
    assert!(from_calls.is_sorted_by_key(|(position, _)| *position));
    assert_eq!(
        ids(&all(&harness, &mut others, "end").await),
        ["last call.end"],
        "both queues get the last call"
    );
}

pub async fn unrouted_commands_are_dropped_oldest_first(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { unrouted: 2_000, ..Limits::default() }).await;
    publish(&harness, &(0..100).map(message).collect::<Vec<_>>()).await;
    let harness = harness.reopened().await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    let kept = ids(&all(&harness, &mut reader, "call.end").await);
    assert!((4..20).contains(&kept.len()), "{kept:?}");
    assert_eq!(kept, (100 - kept.len()..100).map(|number| message(number).id).collect::<Vec<_>>());
}

pub async fn a_reader_of_a_deleted_queue_is_none_of_its_successor(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut first = open(&harness, "gateway", &["call.#"], None).await;
    harness.commands().delete("gateway").await.expect("deleted");
    let mut second = open(&harness, "gateway", &["call.#"], None).await;
    publish(&harness, &[message(1)]).await;
    assert!(first.next().await.is_none());
    assert_eq!(ids(&all(&harness, &mut second, "call.end").await), ["flow:1"]);
}

pub async fn a_deleted_queue_takes_nothing_any_more(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    publish(&harness, &[message(1), message(2)]).await;
    assert_eq!(harness.commands().delete("gateway").await, Ok(Some(2)));
    assert!(reader.next().await.is_none());
    assert_eq!(harness.commands().delete("gateway").await, Ok(None));
    drop(reader);
    let harness = harness.reopened().await;
    assert_eq!(harness.commands().delete("gateway").await, Ok(None));
    publish(&harness, &[message(3)]).await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    assert_eq!(ids(&all(&harness, &mut reader, "call.end").await), ["flow:3"]);
}

pub async fn names_and_patterns_are_checked(kind: Kind) {
    let harness = BusHarness::new(kind).await;
    let long = "x".repeat(256);
    for (queue, pattern) in
        [("", "#"), (long.as_str(), "#"), ("a\nb", "#"), ("signalbox.events", "#"), ("a", ""), ("a", &long)]
    {
        let refused = harness.commands().open(queue, &[pattern.to_owned()], None).await;
        assert!(refused.is_err(), "queue {queue:?}, pattern {pattern:?}");
    }
    for number in 0..100 {
        open(&harness, &format!("queue-{number}"), &["nothing"], None).await;
    }
    let Err(many) = harness.commands().open("one-more", &[], None).await else {
        panic!("the number of queues is not limited")
    };
    assert!(many.to_string().contains("100"), "{many}");
    open(&harness, "queue-7", &["call.#"], None).await;
}
