//! Queues that somebody deletes while everything runs. The broker confirms what reaches no queue.

use super::harness::{SOON, message};
use super::rejects::rejection;
use adapters::amqp::{Bus, Rejects};
use common::command::Message;
use common::ports::bus::Rejection;
use common::ports::error::BusError;
use common::ports::rejects::Selection;
use common::ports::{Bus as _, Rejects as _};
use futures_util::future::join_all;
use lapin::Channel;
use lapin::options::QueueDeleteOptions;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::support::Rabbit;
use tests::support::broker::{depth, gateway, get, plain_channel, prepared, settings};
use tokio::time::sleep;

async fn delete(channel: &Channel, queue: &str) {
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("deleted");
}

/// Rejects like a dispatcher: again and again until it is confirmed.
async fn reject(bus: &Bus, rejection: Rejection) {
    let until = Instant::now() + SOON;
    while let Err(error) = bus.reject(rejection.clone()).await {
        assert!(matches!(error, BusError::Unconfirmed { .. }), "{error:?}");
        assert!(Instant::now() < until, "{error:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rejected_after_its_queue_was_deleted_is_kept() {
    const COUNT: usize = 300;
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    reject(&bus, rejection("before")).await;
    let rejects = Rejects { url: settings.url };
    for round in 0..3 {
        delete(&channel, "signalbox.rejected").await;
        let ids: Vec<String> = (0..COUNT).map(|number| format!("{round}-{number}")).collect();
        join_all(ids.iter().map(|id| reject(&bus, rejection(id)))).await;
        let listed = rejects.list(1_000).await.expect("a list");
        let kept: BTreeSet<_> = listed.iter().filter_map(|entry| entry.original.get("message_id")).collect();
        assert_eq!(kept, ids.iter().collect(), "round {round}");
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_configure_permission_nothing_is_confirmed_until_the_queue_is_there() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let all = settings(&rabbit.url());
    let channel = prepared(&all).await;
    tokio::task::block_in_place(|| {
        rabbit.control(&["add_user", "limited", "limited"]);
        rabbit.control(&["set_permissions", "limited", "^$", ".*", ".*"]);
    });
    let mut limited = all.clone();
    limited.url = rabbit.url().replace("guest:guest", "limited:limited");
    let bus = Bus::connect(limited);
    reject(&bus, rejection("before")).await;
    delete(&channel, "signalbox.rejected").await;
    for _ in 0..3 {
        let outcome = bus.reject(rejection("a")).await;
        assert!(matches!(outcome, Err(BusError::Unconfirmed { .. })), "{outcome:?}");
    }
    adapters::amqp::topology::migrate(&all.url, &all).await.expect("declared");
    reject(&bus, rejection("a")).await;
    assert_eq!(depth(&channel, "signalbox.rejected").await, 1);
    bus.close().await;
    tokio::task::block_in_place(|| rabbit.control(&["delete_user", "limited"]));
}

/// Publishes like an executor: again and again until it is confirmed.
async fn publish(bus: &Bus, command: Message) {
    let until = Instant::now() + SOON;
    while let Err(error) = bus.publish(command.clone()).await {
        assert!(matches!(error, BusError::Unconfirmed { .. }), "{error:?}");
        assert!(Instant::now() < until, "{error:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn unbound(number: usize) -> Message {
    Message { routing_key: "nobody.binds".into(), ..message(number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_without_a_gateway_are_kept_after_their_queue_was_deleted() {
    const COUNT: usize = 300;
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    publish(&bus, unbound(0)).await;
    for round in 0..3 {
        delete(&channel, "signalbox.unrouted").await;
        let commands: Vec<Message> = (0..COUNT).map(|number| unbound(round * COUNT + number)).collect();
        join_all(commands.iter().map(|command| publish(&bus, command.clone()))).await;
        let mut kept = BTreeSet::new();
        for _ in 0..depth(&channel, "signalbox.unrouted").await {
            kept.insert(get(&channel, "signalbox.unrouted").await.data.clone());
        }
        let expected: BTreeSet<Vec<u8>> =
            commands.into_iter().map(|command| command.body.into_bytes()).collect();
        let lost = expected.difference(&kept).count();
        assert_eq!(lost, 0, "round {round}");
    }
    bus.close().await;
}

/// Without configure permission the queue stays away. A command that nobody consumes must not stop the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_of_unrouted_commands_that_stays_away_does_not_stop_other_commands() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let all = settings(&rabbit.url());
    let channel = prepared(&all).await;
    tokio::task::block_in_place(|| {
        rabbit.control(&["add_user", "publisher", "publisher"]);
        rabbit.control(&["set_permissions", "publisher", "^$", ".*", ".*"]);
    });
    let mut limited = all.clone();
    limited.url = rabbit.url().replace("guest:guest", "publisher:publisher");
    let bus = Bus::connect(limited);
    let queue = gateway(&channel, "somebody.binds").await;
    delete(&channel, "signalbox.unrouted").await;
    publish(&bus, unbound(0)).await;
    for number in 1..=20 {
        bus.publish(unbound(100 + number)).await.expect("confirmed, though nobody has it");
        let bound = Message { routing_key: "somebody.binds".into(), ..message(number) };
        bus.publish(bound).await.expect("confirmed");
    }
    assert_eq!(depth(&channel, &queue).await, 20);
    bus.close().await;
    tokio::task::block_in_place(|| rabbit.control(&["delete_user", "publisher"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watch_declares_a_deleted_queue_of_unrouted_commands_again() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    bus.watch_queues(Duration::from_millis(50));
    delete(&channel, "signalbox.unrouted").await;
    let until = Instant::now() + SOON;
    loop {
        let probe = plain_channel(&settings.url).await;
        let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = probe.queue_declare("signalbox.unrouted".into(), options, Default::default()).await;
        if queue.is_ok() {
            break;
        }
        assert!(Instant::now() < until, "signalbox.unrouted is not declared again");
        sleep(Duration::from_millis(50)).await;
    }
    publish(&bus, unbound(1)).await;
    assert_eq!(get(&channel, "signalbox.unrouted").await.data, unbound(1).body.into_bytes());
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_into_a_missing_queue_keeps_the_event_rejected() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    reject(&bus, rejection("a")).await;
    bus.close().await;
    delete(&channel, "signalbox.events").await;
    let rejects = Rejects { url: settings.url };
    let refused = rejects.replay(&Selection::All).await.expect_err("no queue").to_string();
    assert!(refused.contains("signalbox migrate"), "{refused}");
    assert_eq!(rejects.list(10).await.expect("a list").len(), 1);
}
