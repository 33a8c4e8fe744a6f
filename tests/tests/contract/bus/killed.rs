//! A process dies right after an answer: what was answered is there.

use super::queues::{all, open, publish};
use super::world::{Kind, World, command, message, next, number};
use common::ports::bus::Rejection;
use common::ports::rejects::Selection;
use std::collections::BTreeMap;

pub async fn what_was_answered_is_there_however_soon_the_process_dies(kind: Kind) {
    let world = World::new(kind).await;
    drop(open(&world, "gateway", &["call.#"], None).await);
    let world = world.killed();
    publish(&world, &[message(1), message(2)]).await;
    let world = world.killed();
    let rejection = Rejection {
        reason: "malformed_json".into(),
        message: "column 3".into(),
        body: b"7".to_vec(),
        original: BTreeMap::new(),
    };
    world.bus.reject(rejection).await.expect("kept");
    let world = world.killed();
    world.offer(6).await.expect("confirmed");
    let world = world.killed();
    assert_eq!(world.rejects.replay(&Selection::All).await, Ok(1));
    let world = world.killed();
    let mut deliveries = world.bus.consume().await;
    assert_eq!((number(&next(&mut deliveries).await), number(&next(&mut deliveries).await)), (6, 7));
    assert_eq!(world.rejects.list(10).await, Ok(Vec::new()));
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    let (position, first) = command(&mut reader).await;
    assert_eq!(first, message(1));
    assert_eq!(world.commands().ack("gateway", position).await, Ok(1));
    let world = world.killed();
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    assert_eq!(command(&mut reader).await.1, message(2));
    assert_eq!(world.commands().delete("gateway").await, Ok(Some(1)));
    assert_eq!(world.killed().commands().delete("gateway").await, Ok(None));
}

pub async fn what_a_queue_took_over_is_not_unrouted_any_more(kind: Kind) {
    let world = World::new(kind).await;
    publish(&world, &[message(1)]).await;
    drop(open(&world, "gateway", &["call.#"], None).await);
    let world = world.killed();
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    assert_eq!(all(&world, &mut reader, "call.end").await.len(), 1);
    world.commands().delete("gateway").await.expect("deleted");
    let world = world.killed();
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    assert_eq!(all(&world, &mut reader, "call.end").await, []);
}
