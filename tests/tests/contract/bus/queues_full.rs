//! A queue of commands that nobody reads fills up.

use super::queues::{open, publish, typed};
use super::world::{Kind, Limits, World, command, message};
use common::command::Message;
use common::ports::error::BusError;
use futures_util::FutureExt;

fn of(activeflow: &str, number: usize, bytes: usize) -> Message {
    Message {
        id: format!("{activeflow}:{number}"),
        correlation_id: activeflow.into(),
        body: "x".repeat(bytes),
        ..typed(number, "call.talk")
    }
}

fn is_nacked(outcome: &Result<(), BusError>, by: &str) -> bool {
    matches!(outcome, Err(BusError::Nacked { to }) if to.contains(by))
}

pub async fn a_full_queue_refuses_and_none_of_the_others_has_it(kind: Kind) {
    let world = World::with(kind, Limits { commands: 2_000, ..Limits::default() }).await;
    let mut read = open(&world, "read", &["call.#"], None).await;
    drop(open(&world, "forgotten", &["call.#"], None).await);
    let mut confirmed = 0;
    let refusal = loop {
        let outcome = world.bus.publish(message(confirmed)).await;
        if outcome.is_err() {
            break outcome;
        }
        let (position, taken) = command(&mut read).await;
        assert_eq!(taken, message(confirmed));
        assert_eq!(world.commands().ack("read", position).await, Ok(0));
        confirmed += 1;
        assert!(confirmed < 100, "the limit does nothing");
    };
    assert!(is_nacked(&refusal, "forgotten"), "{refusal:?}");
    assert!(read.next().now_or_never().is_none(), "a refused command is in no queue");
    drop(read);
    let world = world.reopened().await;
    assert!(is_nacked(&world.bus.publish(message(confirmed)).await, "forgotten"), "also in the next life");
    let mut forgotten = open(&world, "forgotten", &["call.#"], None).await;
    for expected in 0..confirmed {
        let (position, taken) = command(&mut forgotten).await;
        assert_eq!(taken, message(expected), "what was confirmed is there");
        world.commands().ack("forgotten", position).await.expect("acknowledged");
    }
    publish(&world, &[message(confirmed)]).await;
    assert_eq!(command(&mut forgotten).await.1, message(confirmed));
}

/// A window of commands is published at once: were the small one taken, it would overtake.
pub async fn what_follows_a_refused_command_is_refused_with_it(kind: Kind) {
    let world = World::with(kind, Limits { commands: 2_000, ..Limits::default() }).await;
    let mut reader = open(&world, "gateway", &["call.#"], None).await;
    let window = [of("a", 1, 100), of("a", 2, 5_000), of("a", 3, 1), of("a", 4, 1)];
    let confirms: Vec<_> = window.map(|message| world.bus.publish(message)).into();
    let mut outcomes = Vec::new();
    let other = world.bus.publish(of("b", 1, 1)).await;
    for confirm in confirms {
        outcomes.push(confirm.await);
    }
    assert_eq!((&outcomes[0], other), (&Ok(()), Ok(())));
    assert!(is_nacked(&outcomes[1], "gateway"), "{outcomes:?}");
    assert!(outcomes[2..].iter().all(|outcome| is_nacked(outcome, "earlier")), "{outcomes:?}");
    let dropped = world.bus.publish(of("c", 1, 5_000));
    assert!(is_nacked(&world.bus.publish(of("c", 2, 1)).await, "earlier"));
    drop(dropped);
    publish(&world, &[of("a", 2, 10), of("a", 3, 1), of("c", 1, 1)]).await;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(command(&mut reader).await.1.id);
    }
    assert_eq!(taken, ["a:1", "b:1", "a:2", "a:3", "c:1"]);
}
