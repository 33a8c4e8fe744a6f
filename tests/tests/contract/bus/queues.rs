//! Queues of commands for gateways without AMQP, on the bus that has them.

use super::world::{Kind, Limits, World, command, message};
use common::command::Message;
use common::ports::commands::CommandReader;

pub fn typed(number: usize, kind: &str) -> Message {
    Message { routing_key: kind.into(), ..message(number) }
}

pub async fn open(
    world: &World,
    queue: &str,
    patterns: &[&str],
    after: Option<u64>,
) -> Box<dyn CommandReader> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    world.commands().open(queue, &patterns, after).await.expect("a reader")
}

/// Publishes a last command of type `kind` and takes everything up to it.
pub async fn all(world: &World, reader: &mut Box<dyn CommandReader>, kind: &str) -> Vec<(u64, Message)> {
    let last = Message { id: format!("last {kind}"), ..typed(0, kind) };
    world.bus.publish(last.clone()).await.expect("confirmed");
    let mut all = Vec::new();
    loop {
        let (position, message) = command(reader).await;
        if message == last {
            return all;
        }
        all.push((position, message));
    }
}

pub async fn publish(world: &World, messages: &[Message]) {
    for message in messages {
        world.bus.publish(message.clone()).await.expect("confirmed");
    }
}

fn ids(taken: &[(u64, Message)]) -> Vec<String> {
    taken.iter().map(|(_, message)| message.id.clone()).collect()
}

pub async fn a_queue_takes_what_its_patterns_say(kind: Kind) {
    let world = World::new(kind).await;
    let mut calls = open(&world, "calls", &["call.#", "call.talk"], None).await;
    let mut texts = open(&world, "texts", &["message.*", "call.*"], None).await;
    publish(&world, &[typed(1, "call.talk"), typed(2, "message.send"), typed(3, "call.leg.connect")]).await;
    let taken = all(&world, &mut calls, "call").await;
    assert_eq!(
        taken.iter().map(|(_, message)| message.clone()).collect::<Vec<_>>(),
        [typed(1, "call.talk"), typed(3, "call.leg.connect")]
    );
    assert_eq!(ids(&all(&world, &mut texts, "message.end").await), ["flow:1", "flow:2"]);
}

pub async fn opening_again_replaces_the_patterns_and_ends_the_reader_before(kind: Kind) {
    let world = World::new(kind).await;
    let mut first = open(&world, "gateway", &["call.#"], None).await;
    publish(&world, &[typed(1, "call.talk")]).await;
    let mut second = open(&world, "gateway", &["message.#"], None).await;
    assert!(first.next().await.is_none(), "another reader has the queue");
    publish(&world, &[typed(2, "call.talk"), typed(3, "message.send")]).await;
    assert_eq!(ids(&all(&world, &mut second, "message.end").await), ["flow:1", "flow:3"]);
    drop((first, second));
    let world = world.reopened().await;
    publish(&world, &[typed(4, "message.send"), typed(5, "call.talk")]).await;
    let mut third = open(&world, "gateway", &["sim.#"], None).await;
    assert_eq!(
        ids(&all(&world, &mut third, "sim.end").await),
        ["flow:1", "flow:3", "last message.end", "flow:4"]
    );
}

pub async fn what_is_not_acknowledged_comes_again_to_the_next_reader(kind: Kind) {
    let world = World::new(kind).await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    publish(&world, &(0..6).map(message).collect::<Vec<_>>()).await;
    let mut positions = Vec::new();
    for _ in 0..6 {
        positions.push(command(&mut reader).await.0);
    }
    assert!(positions.is_sorted());
    assert_eq!(world.commands().ack("gateway", positions[1]).await, Ok(4));
    assert_eq!(world.commands().ack("gateway", positions[0]).await, Ok(4), "acknowledged before");
    drop(reader);
    let world = world.reopened().await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    for (expected, position) in positions.iter().enumerate().skip(2) {
        assert_eq!(command(&mut reader).await, (*position, message(expected)), "the same under its position");
    }
    let mut reader = open(&world, "gateway", &["call.#"], Some(positions[3])).await;
    assert_eq!(command(&mut reader).await, (positions[4], message(4)));
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    assert_eq!(command(&mut reader).await, (positions[2], message(2)));
    assert_eq!(world.commands().ack("gateway", positions[5]).await, Ok(0));
    let unknown = world.commands().ack("gateway", positions[5] + 1).await.expect_err("not given out");
    assert!(unknown.to_string().contains(&positions[5].to_string()), "{unknown}");
    assert!(world.commands().ack("nobody", 0).await.is_err());
}

pub async fn a_position_means_one_command_for_ever(kind: Kind) {
    let world = World::new(kind).await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    publish(&world, &[message(1), message(2)]).await;
    command(&mut reader).await;
    let (last, _) = command(&mut reader).await;
    world.commands().ack("gateway", last).await.expect("acknowledged");
    drop(reader);
    let world = world.reopened().await;
    world.commands().delete("gateway").await.expect("deleted");
    let mut reader = open(&world, "gateway", &["call.#"], Some(last)).await;
    publish(&world, &[message(3)]).await;
    let (position, third) = command(&mut reader).await;
    assert_eq!(third, message(3), "it does not hide behind the position that the gateway knows");
    assert!(position > last);
    let mut elsewhere = open(&world, "gateway", &["call.#"], Some(1_000_000)).await;
    assert_eq!(
        command(&mut elsewhere).await.1,
        message(3),
        "a position of another data folder is not believed"
    );
}

pub async fn what_nobody_took_goes_to_the_first_queue_that_does(kind: Kind) {
    let world = World::new(kind).await;
    publish(&world, &[typed(1, "call.talk"), typed(2, "message.send"), typed(3, "call.talk")]).await;
    let world = world.reopened().await;
    let mut texts = open(&world, "texts", &["message.#"], None).await;
    publish(&world, &[typed(4, "call.talk")]).await;
    assert_eq!(ids(&all(&world, &mut texts, "message.end").await), ["flow:2"]);
    let mut calls = open(&world, "calls", &["call.#"], None).await;
    let mut others = open(&world, "others", &["#"], None).await;
    let world_calls = all(&world, &mut calls, "call.end").await;
    assert_eq!(ids(&world_calls), ["flow:1", "flow:3", "flow:4"]);
    assert!(world_calls.is_sorted_by_key(|(position, _)| *position));
    assert_eq!(ids(&all(&world, &mut others, "end").await), ["last call.end"], "the last call came to both");
}

pub async fn unrouted_commands_are_dropped_oldest_first(kind: Kind) {
    let world = World::with(kind, Limits { unrouted: 2_000, ..Limits::default() }).await;
    publish(&world, &(0..100).map(message).collect::<Vec<_>>()).await;
    let world = world.reopened().await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    let kept = ids(&all(&world, &mut reader, "call.end").await);
    assert!((4..20).contains(&kept.len()), "{kept:?}");
    assert_eq!(kept, (100 - kept.len()..100).map(|number| message(number).id).collect::<Vec<_>>());
}

pub async fn a_reader_of_a_deleted_queue_is_none_of_its_successor(kind: Kind) {
    let world = World::new(kind).await;
    let mut first = open(&world, "gateway", &["call.#"], None).await;
    world.commands().delete("gateway").await.expect("deleted");
    let mut second = open(&world, "gateway", &["call.#"], None).await;
    publish(&world, &[message(1)]).await;
    assert!(first.next().await.is_none());
    assert_eq!(ids(&all(&world, &mut second, "call.end").await), ["flow:1"]);
}

pub async fn a_deleted_queue_takes_nothing_any_more(kind: Kind) {
    let world = World::new(kind).await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    publish(&world, &[message(1), message(2)]).await;
    assert_eq!(world.commands().delete("gateway").await, Ok(Some(2)));
    assert!(reader.next().await.is_none());
    assert_eq!(world.commands().delete("gateway").await, Ok(None));
    drop(reader);
    let world = world.reopened().await;
    assert_eq!(world.commands().delete("gateway").await, Ok(None));
    publish(&world, &[message(3)]).await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    assert_eq!(ids(&all(&world, &mut reader, "call.end").await), ["flow:3"]);
}

pub async fn names_and_patterns_are_checked(kind: Kind) {
    let world = World::new(kind).await;
    let long = "x".repeat(256);
    for (queue, pattern) in
        [("", "#"), (long.as_str(), "#"), ("a\nb", "#"), ("signalbox.events", "#"), ("a", ""), ("a", &long)]
    {
        let refused = world.commands().open(queue, &[pattern.to_owned()], None).await;
        assert!(refused.is_err(), "queue {queue:?}, pattern {pattern:?}");
    }
    for number in 0..100 {
        open(&world, &format!("queue-{number}"), &["nothing"], None).await;
    }
    let Err(many) = world.commands().open("one-more", &[], None).await else { panic!("without an end") };
    assert!(many.to_string().contains("100"), "{many}");
    open(&world, "queue-7", &["call.#"], None).await;
}
