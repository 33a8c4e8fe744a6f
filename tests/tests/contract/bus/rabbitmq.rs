//! Cases that concern only RabbitMQ: message properties, topology, limits.

use super::harness::{SOON, TRACE, message};
use adapters::amqp::topology::{self, TopologyError};
use adapters::amqp::{Bus, Rejects, Settings, admin};
use common::command::Message;
use common::ports::Bus as _;
use common::ports::Rejects as _;
use common::ports::error::BusError;
use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::{BasicConsumeOptions, BasicNackOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use std::time::{Duration, Instant};
use tests::support::Rabbit;
use tests::support::broker::{depth, gateway, get, plain_channel, prepared, send, settings};
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_carries_its_properties() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let queue = gateway(&channel, "call.#").await;
    let bus = Bus::connect(settings);
    bus.publish(message(1)).await.expect("confirmed");
    let got = get(&channel, &queue).await;
    assert_eq!(got.properties.message_id(), &Some("flow:1".into()));
    let headers = got.properties.headers().clone().unwrap_or_default();
    assert_eq!(headers.inner().get("reference"), Some(&AMQPValue::LongString("call-1".into())));
    assert_eq!(headers.inner().get("traceparent"), Some(&AMQPValue::LongString(TRACE.into())));
    assert_eq!(got.properties.delivery_mode(), &Some(2));
    assert_eq!(got.properties.correlation_id(), &Some("flow".into()));
    assert_eq!(got.properties.content_type(), &Some("application/cloudevents+json".into()));
    bus.close().await;
    assert!(matches!(bus.publish(message(0)).await, Err(BusError::Unconfirmed { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_settles_what_was_accepted() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    prepared(&settings).await;
    let bus = Bus::connect(settings);
    bus.publish(message(0)).await.expect("connected");
    let confirms: Vec<_> = (1..3_000).map(|number| bus.publish(message(number))).collect();
    timeout(SOON, bus.close()).await.expect("closing is bounded");
    let outcomes = timeout(Duration::from_millis(100), join_all(confirms)).await.expect("all are settled");
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|outcome| outcome.is_err()));
    assert!(
        timeout(Duration::from_millis(100), bus.consume()).await.is_err(),
        "a closed bus consumes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn throughput_of_confirmed_messages() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let queue = gateway(&channel, "call.#").await;
    for (target, count) in [("a classic queue", 60_000), ("the quorum queue signalbox.unrouted", 60_000)] {
        let _ = channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await;
        let bus = Bus::connect(settings.clone());
        let kind = if target.starts_with("a classic") { "call.talk" } else { "nobody.binds" };
        let started = Instant::now();
        let mut done = 0;
        while done < count {
            let batch = (0..5_000).map(|n| bus.publish(Message { routing_key: kind.into(), ..message(n) }));
            let outcomes = join_all(batch.collect::<Vec<_>>()).await;
            assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|o| o.is_err()));
            done += outcomes.len();
        }
        let rate = done as f64 / started.elapsed().as_secs_f64();
        println!("{done} confirmed messages to {target}: {rate:.0}/s on one channel");
        bus.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_no_and_takes_the_retry_when_there_is_room() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = Settings { unrouted_max_bytes: 2_000, ..settings(&rabbit.url()) };
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings);
    let unbound = Message { routing_key: "nobody.binds".into(), ..message(1) };
    let mut outcome = Ok(());
    for _ in 0..1_000 {
        outcome = bus.publish(unbound.clone()).await;
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Err(BusError::Nacked { .. })), "{outcome:?}");
    while depth(&channel, "signalbox.unrouted").await > 0 {
        get(&channel, "signalbox.unrouted").await;
    }
    let mut tries = 0;
    while bus.publish(unbound.clone()).await.is_err() {
        tries += 1;
        assert!(tries < 100, "the queue is empty and still refuses");
        sleep(Duration::from_millis(50)).await;
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_nobody_takes_is_kept() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings);
    bus.publish(message(7)).await.expect("confirmed");
    let kept = get(&channel, "signalbox.unrouted").await;
    assert_eq!(kept.routing_key.as_str(), "call.talk");
    assert_eq!(kept.data, message(7).body.into_bytes());
    bus.announce(message(8)).await.expect("a notice needs no listener");
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topology_is_checked_and_what_differs_is_named() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let first = settings(&rabbit.url());
    prepared(&first).await;
    topology::check(&first.url, &first).await.expect("as declared");
    let again = topology::migrate(&first.url, &first).await.expect("repeating it is harmless");
    assert!(again.last().is_some_and(|line| line.contains(&topology::fingerprint(&first))), "{again:?}");

    let other = Settings { events_max_bytes: 12_345_678, ..first.clone() };
    assert_ne!(topology::fingerprint(&first), topology::fingerprint(&other));
    for result in
        [topology::migrate(&other.url, &other).await.map(|_| ()), topology::check(&other.url, &other).await]
    {
        let Err(error @ TopologyError::Different { .. }) = result else { panic!("{result:?}") };
        let text = error.to_string();
        for part in ["signalbox.events", "x-max-length-bytes", "12345678", "67108864", "signalbox migrate"] {
            assert!(text.contains(part), "`{part}` is not in: {text}");
        }
        assert!(!text.contains("guest:guest"));
    }
    let channel = plain_channel(&first.url).await;
    let mark = format!("signalbox.topology.{}", topology::fingerprint(&first));
    channel.exchange_delete(mark.as_str().into(), Default::default()).await.expect("deleted");
    let missing = topology::check(&first.url, &first).await.expect_err("the mark is gone").to_string();
    assert!(
        missing.contains("signalbox migrate") && missing.contains(&rabbit.port().to_string()),
        "{missing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_gives_up_an_event_that_is_never_acknowledged() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    send(&channel, 1).await.expect("confirmed");
    let options = BasicConsumeOptions::default();
    let consumed =
        channel.basic_consume("signalbox.events".into(), "".into(), options, FieldTable::default()).await;
    let mut consumer = consumed.expect("a consumer");
    for _ in 0..51 {
        let again = timeout(SOON, consumer.next()).await.expect("a redelivery");
        let requeue = BasicNackOptions { requeue: true, ..Default::default() };
        again.expect("a consumer").expect("a delivery").acker.nack(requeue).await.expect("nacked");
    }
    let deadline = Instant::now() + SOON;
    while depth(&channel, "signalbox.rejected").await == 0 {
        assert!(Instant::now() < deadline, "nothing in signalbox.rejected");
        sleep(Duration::from_millis(20)).await;
    }
    let rejects = Rejects { url: settings.url };
    let listed = rejects.list(10).await.expect("a list");
    assert_eq!(listed[0].reason, "delivery_limit");
    assert_eq!(listed[0].original.get("routing_key").map(String::as_str), Some("call.incoming"));
    assert_eq!(listed[0].original.get("message_id").map(String::as_str), Some("event-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_names_the_version() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let version = admin::probe(&rabbit.url()).await.expect("a broker");
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    let closed = tests::support::ports::free();
    let error =
        admin::probe(&format!("amqp://guest:secret@127.0.0.1:{closed}/%2f")).await.expect_err("no broker");
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{closed}")) && !text.contains("secret"), "{text}");
}
