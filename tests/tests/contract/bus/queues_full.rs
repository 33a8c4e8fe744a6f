//! A command queue without a reader fills up.

use super::harness::{BusHarness, Kind, Limits, command, message};
use super::queues::{open, publish, typed};
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
    let harness = BusHarness::with(kind, Limits { commands: 2_000, ..Limits::default() }).await;
    let mut read = open(&harness, "read", &["call.#"], None).await;
    drop(open(&harness, "forgotten", &["call.#"], None).await);
    let mut confirmed = 0;
    let refusal = loop {
        let outcome = harness.bus.publish(message(confirmed)).await;
        if outcome.is_err() {
            break outcome;
        }
        let (position, taken) = command(&mut read).await;
        assert_eq!(taken, message(confirmed));
        assert_eq!(harness.commands().ack("read", position).await, Ok(0));
        confirmed += 1;
        assert!(confirmed < 100, "the limit has no effect");
    };
    assert!(is_nacked(&refusal, "forgotten"), "{refusal:?}");
    assert!(read.next().now_or_never().is_none(), "a refused command is in no queue");
    drop(read);
    let harness = harness.reopened().await;
    assert!(is_nacked(&harness.bus.publish(message(confirmed)).await, "forgotten"), "also after a restart");
    let mut forgotten = open(&harness, "forgotten", &["call.#"], None).await;
    for expected in 0..confirmed {
        let (position, taken) = command(&mut forgotten).await;
        assert_eq!(taken, message(expected), "a confirmed command is stored");
        harness.commands().ack("forgotten", position).await.expect("acknowledged");
    }
    publish(&harness, &[message(confirmed)]).await;
    assert_eq!(command(&mut forgotten).await.1, message(confirmed));
}

/// Commands are published without waiting for each confirm: an accepted small one would overtake the refused one.
pub async fn what_follows_a_refused_command_is_refused_with_it(kind: Kind) {
    let harness = BusHarness::with(kind, Limits { commands: 2_000, ..Limits::default() }).await;
    let mut reader = open(&harness, "gateway", &["call.#"], None).await;
    let window = [of("a", 1, 100), of("a", 2, 5_000), of("a", 3, 1), of("a", 4, 1)];
    let confirms: Vec<_> = window.map(|message| harness.bus.publish(message)).into();
    let mut outcomes = Vec::new();
    let other = harness.bus.publish(of("b", 1, 1)).await;
    for confirm in confirms {
        outcomes.push(confirm.await);
    }
    assert_eq!((&outcomes[0], other), (&Ok(()), Ok(())));
    assert!(is_nacked(&outcomes[1], "gateway"), "{outcomes:?}");
    assert!(outcomes[2..].iter().all(|outcome| is_nacked(outcome, "earlier")), "{outcomes:?}");
    let dropped = harness.bus.publish(of("c", 1, 5_000));
    assert!(is_nacked(&harness.bus.publish(of("c", 2, 1)).await, "earlier"));
    drop(dropped);
    publish(&harness, &[of("a", 2, 10), of("a", 3, 1), of("c", 1, 1)]).await;
    let mut taken = Vec::new();
    for _ in 0..5 {
        taken.push(command(&mut reader).await.1.id);
    }
    assert_eq!(taken, ["a:1", "b:1", "a:2", "a:3", "c:1"]);
}
