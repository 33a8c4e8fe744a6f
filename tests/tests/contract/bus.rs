//! What the bus promises, against a real broker.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use adapters::amqp::admin::{self, Selection};
use adapters::amqp::topology::{self, TopologyError};
use adapters::amqp::{Bus, Settings};
use common::command::Message;
use common::ports::Bus as _;
use common::ports::bus::{Deliveries, Delivery, Rejection};
use common::ports::error::BusError;
use futures_util::StreamExt;
use futures_util::future::join_all;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tests::support::{Rabbit, RabbitOptions};
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(20);
const QUEUES: [&str; 3] = ["signalbox.events", "signalbox.rejected", "signalbox.unrouted"];

fn settings(url: &str) -> Settings {
    Settings {
        url: url.into(),
        events_max_bytes: 64 << 20,
        rejected_max_bytes: 64 << 20,
        unrouted_max_bytes: 64 << 20,
        prefetch: 64,
        confirm_timeout: Duration::from_secs(5),
        heartbeat: 2,
        name: "contract".into(),
    }
}

/// The shared broker with the topology of `settings` and empty queues.
async fn prepared(settings: &Settings) -> Channel {
    let channel = plain_channel(&settings.url).await;
    for queue in QUEUES {
        let _ = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
    }
    let lines = topology::migrate(&settings.url, settings).await.expect("migrate");
    assert!(!lines.is_empty());
    channel
}

async fn plain_channel(url: &str) -> Channel {
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.expect("a plain connection");
    let channel = connection.create_channel().await.expect("a plain channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    channel
}

/// A queue for commands as a gateway has one.
async fn gateway(channel: &Channel, pattern: &str) -> String {
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await.expect("a queue");
    let name = queue.name().to_string();
    let (queue, exchange) = (name.as_str().into(), "signalbox.commands".into());
    let bound = channel.queue_bind(
        queue,
        exchange,
        pattern.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.expect("a binding");
    name
}

async fn depth(channel: &Channel, queue: &str) -> u32 {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("the queue");
    queue.message_count()
}

async fn get(channel: &Channel, queue: &str) -> lapin::message::Delivery {
    let deadline = Instant::now() + SOON;
    loop {
        let got = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.expect("get");
        match got {
            Some(message) => return message.delivery,
            None => assert!(Instant::now() < deadline, "nothing came to {queue}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    timeout(SOON, deliveries.next()).await.expect("a delivery in time").expect("the consumer lives")
}

fn message(number: usize) -> Message {
    Message {
        id: format!("flow:{number}"),
        routing_key: "call.talk".into(),
        correlation_id: "flow".into(),
        reference: "call-1".into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        body: format!("{{\"number\":{number}}}"),
    }
}

async fn send(settings: &Settings, number: usize) {
    let (body, id) = (number.to_string(), format!("event-{number}"));
    admin::send_event(&settings.url, body.as_bytes(), "call.incoming", &id, "call-1")
        .await
        .expect("an event is sent");
}

async fn send_many(channel: &Channel, numbers: std::ops::Range<usize>) {
    let mut confirms = Vec::new();
    for number in numbers {
        let (exchange, key) = ("signalbox.events".into(), "call.incoming".into());
        let properties = BasicProperties::default().with_delivery_mode(2);
        let body = number.to_string();
        let sent =
            channel.basic_publish(exchange, key, BasicPublishOptions::default(), body.as_bytes(), properties);
        confirms.push(sent.await.expect("published"));
    }
    for confirm in confirms {
        assert!(confirm.await.expect("a confirm").is_ack());
    }
}

fn number(delivery: &Delivery) -> usize {
    String::from_utf8_lossy(&delivery.body).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_in_the_order_of_the_calls() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let queue = gateway(&channel, "call.#").await;
    let bus = Bus::connect(settings);
    const COUNT: usize = 5_000;
    let confirms: Vec<_> = (0..COUNT).map(|number| bus.publish(message(number))).collect();
    assert!(join_all(confirms).await.iter().all(Result::is_ok));
    for expected in 0..COUNT {
        let got = get(&channel, &queue).await;
        let id = got.properties.message_id().as_ref().map(ToString::to_string);
        assert_eq!(id, Some(format!("flow:{expected}")));
        if expected == 0 {
            let headers = got.properties.headers().clone().unwrap_or_default();
            assert_eq!(headers.inner().get("reference"), Some(&AMQPValue::LongString("call-1".into())));
            assert!(headers.contains_key("traceparent"));
            assert_eq!(got.properties.delivery_mode(), &Some(2));
            assert_eq!(got.properties.correlation_id(), &Some("flow".into()));
            assert_eq!(got.properties.content_type(), &Some("application/cloudevents+json".into()));
        }
    }
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
async fn an_acknowledgement_covers_exactly_the_prefix() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    send_many(&channel, 0..20).await;
    let bus = Bus::connect(settings);
    let mut deliveries = bus.consume().await;
    for tag in 1..=20 {
        let delivery = next(&mut deliveries).await;
        assert_eq!((delivery.tag, number(&delivery) as u64), (tag, tag - 1));
        assert_eq!(delivery.delivery_count, 0);
    }
    deliveries.ack_through(4);
    deliveries.ack_through(9);
    deliveries.ack_through(3);
    drop(deliveries);
    let mut deliveries = bus.consume().await;
    let mut again = Vec::new();
    for tag in 1..=11 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.tag, tag);
        assert_eq!(delivery.delivery_count, 1, "the broker counts deliveries");
        again.push(number(&delivery));
    }
    assert_eq!(again, (9..20).collect::<Vec<_>>());
    deliveries.ack_through(1_000);
    assert!(timeout(Duration::from_millis(300), deliveries.next()).await.is_err(), "nothing else comes");
    bus.close().await;
    assert_eq!(deliveries.next().await, None);
    assert_eq!(depth(&channel, "signalbox.events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_of_an_event_are_read() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let mut headers = FieldTable::default();
    headers.insert("reference".into(), AMQPValue::ByteArray(b"call-9".as_slice().into()));
    headers.insert(
        "traceparent".into(),
        AMQPValue::LongString("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    );
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id("m-1".into())
        .with_user_id("guest".into())
        .with_headers(headers);
    let (exchange, key) = ("signalbox.events".into(), "call.incoming".into());
    let sent = channel.basic_publish(exchange, key, BasicPublishOptions::default(), b"{}", properties).await;
    assert!(sent.expect("published").await.expect("confirmed").is_ack());
    let bus = Bus::connect(settings);
    let mut deliveries = bus.consume().await;
    let delivery = next(&mut deliveries).await;
    let expected = Delivery {
        tag: 1,
        body: b"{}".to_vec(),
        routing_key: "call.incoming".into(),
        reference: Some("call-9".into()),
        message_id: Some("m-1".into()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        user_id: Some("guest".into()),
        delivery_count: 0,
    };
    assert_eq!(delivery, expected);
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
async fn rejected_events_are_listed_replayed_and_discarded() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    let rejection = |id: &str| Rejection {
        reason: "malformed_json".into(),
        message: "column 3: expected `:`, found `}`".into(),
        body: format!("body of {id}").into_bytes(),
        original: BTreeMap::from(
            [
                ("routing_key", "call.incoming"),
                ("reference", "call-1"),
                ("message_id", id),
                ("user_id", "guest"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    };
    for id in ["a", "b", "c"] {
        bus.reject(rejection(id)).await.expect("kept");
    }
    for _ in 0..2 {
        let mut listed = admin::rejected_list(&settings.url, 10).await.expect("a list");
        listed.sort_by_key(|entry| entry.body.clone());
        assert_eq!(listed.len(), 3, "a list leaves them where they are");
        let wanted = rejection("b");
        let got = &listed[1];
        assert_eq!((&got.reason, &got.message), (&wanted.reason, &wanted.message));
        assert_eq!((&got.body, &got.original), (&wanted.body, &wanted.original));
    }
    let only = |id: &str| Selection::MessageIds(BTreeSet::from([id.to_owned()]));
    assert_eq!(admin::rejected_replay(&settings.url, &only("b")).await.expect("a replay"), 1);
    let mut deliveries = bus.consume().await;
    let replayed = next(&mut deliveries).await;
    assert_eq!(replayed.body, b"body of b");
    assert_eq!(replayed.routing_key, "call.incoming");
    assert_eq!(replayed.reference.as_deref(), Some("call-1"));
    assert_eq!(replayed.message_id.as_deref(), Some("b"));
    assert_eq!(replayed.user_id.as_deref(), Some("guest"));
    assert_eq!(admin::rejected_discard(&settings.url, &only("zzz")).await.expect("none"), 0);
    assert_eq!(admin::rejected_discard(&settings.url, &only("a")).await.expect("one"), 1);
    assert_eq!(admin::rejected_replay(&settings.url, &Selection::All).await.expect("the rest"), 1);
    assert_eq!(next(&mut deliveries).await.body, b"body of c");
    bus.close().await;
    assert_eq!(depth(&channel, "signalbox.rejected").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_gives_up_an_event_that_is_never_acknowledged() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    send(&settings, 1).await;
    let options = BasicConsumeOptions::default();
    let consumed =
        channel.basic_consume("signalbox.events".into(), "".into(), options, FieldTable::default()).await;
    let mut consumer = consumed.expect("a consumer");
    for _ in 0..51 {
        let again = timeout(SOON, consumer.next()).await.expect("it comes again");
        let requeue = BasicNackOptions { requeue: true, ..Default::default() };
        again.expect("a consumer").expect("a delivery").acker.nack(requeue).await.expect("nacked");
    }
    let deadline = Instant::now() + SOON;
    while depth(&channel, "signalbox.rejected").await == 0 {
        assert!(Instant::now() < deadline, "nothing in signalbox.rejected");
        sleep(Duration::from_millis(20)).await;
    }
    let listed = admin::rejected_list(&settings.url, 10).await.expect("a list");
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
        admin::probe(&format!("amqp://guest:secret@127.0.0.1:{closed}/%2f")).await.expect_err("nobody there");
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{closed}")) && !text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_broker_every_message_is_unconfirmed_in_time() {
    let closed = tests::support::ports::free();
    let limit = Duration::from_millis(400);
    let url = format!("amqp://guest:guest@127.0.0.1:{closed}/%2f");
    let bus = Bus::connect(Settings { confirm_timeout: limit, ..settings(&url) });
    assert!(!bus.is_up());
    let started = Instant::now();
    let confirms: Vec<_> = (0..25_000).map(|number| bus.publish(message(number))).collect();
    let outcomes = timeout(SOON, join_all(confirms)).await.expect("all resolve");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(BusError::Unconfirmed { .. }))));
    assert!(started.elapsed() >= limit && started.elapsed() < limit * 5, "{:?}", started.elapsed());
    assert!(timeout(Duration::from_secs(1), bus.close()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_loses_nothing_that_it_confirmed() {
    let mut rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let settings = Settings { confirm_timeout: Duration::from_secs(3), ..settings(&rabbit.url()) };
    let channel = prepared(&settings).await;
    // RabbitMQ 3.10.8 writes the directory of its quorum queues up to a second late: killed before that, it comes back
    // with an empty queue that has no leader.
    sleep(Duration::from_secs(2)).await;
    send_many(&channel, 0..10).await;
    drop(channel);
    let bus = Bus::connect(settings.clone());
    let mut deliveries = bus.consume().await;
    for _ in 0..10 {
        next(&mut deliveries).await;
    }
    deliveries.ack_through(4);
    sleep(Duration::from_millis(300)).await;
    assert!(bus.is_up());

    let unbound = |n| Message { routing_key: "nobody.binds".into(), ..message(n) };
    let mut before: Vec<_> = (0..3_000).map(|n| bus.publish(unbound(n))).collect();
    let outstanding = tokio::spawn(join_all(before.split_off(500)));
    let first = join_all(before).await;
    tokio::task::block_in_place(|| rabbit.kill9());
    let rest = timeout(SOON, outstanding).await.expect("every confirm resolves").expect("no panic");
    let outcomes = [first, rest].concat();
    let confirmed: BTreeSet<_> =
        (0..3_000).filter(|n| outcomes[*n].is_ok()).map(|n| format!("flow:{n}")).collect();
    let unknown = outcomes.iter().filter(|o| matches!(o, Err(BusError::Unconfirmed { .. }))).count();
    assert_eq!(confirmed.len() + unknown, 3_000);
    assert!(confirmed.len() >= 500);
    println!("killed with {} confirmed, {unknown} unknown", confirmed.len());
    assert_eq!(timeout(SOON, deliveries.next()).await.expect("the life ends"), None);
    assert!(!bus.is_up());

    tokio::task::block_in_place(|| rabbit.restart());
    let mut deliveries = timeout(SOON, bus.consume()).await.expect("the consumer comes back by itself");
    let mut again = BTreeSet::new();
    for tag in 1..=6 {
        let delivery = next(&mut deliveries).await;
        assert_eq!(delivery.tag, tag);
        again.insert(number(&delivery));
    }
    assert_eq!(again, (4..10).collect());
    let started = Instant::now();
    while let Err(e) = bus.publish(unbound(3_000)).await {
        assert!(started.elapsed() < SOON, "{e}");
    }
    assert!(bus.is_up());
    let channel = plain_channel(&settings.url).await;
    let mut kept = BTreeSet::new();
    while kept.last().is_none() || !kept.contains("flow:3000") {
        let got = get(&channel, "signalbox.unrouted").await;
        kept.insert(got.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default());
    }
    assert!(confirmed.is_subset(&kept), "{} confirmed, {} kept", confirmed.len(), kept.len());
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_broker_leaves_no_confirm_open() {
    let rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let settings = Settings { confirm_timeout: Duration::from_secs(1), ..settings(&rabbit.url()) };
    prepared(&settings).await;
    let bus = Bus::connect(settings);
    bus.publish(message(0)).await.expect("confirmed");
    rabbit.stop_process();
    let started = Instant::now();
    let confirms: Vec<_> = (0..3_000).map(|number| bus.publish(message(number))).collect();
    let outcomes = timeout(SOON, join_all(confirms)).await.expect("all resolve");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(BusError::Unconfirmed { .. }))));
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    rabbit.cont();
    let started = Instant::now();
    while let Err(e) = bus.publish(message(1)).await {
        assert!(started.elapsed() < SOON, "{e}");
    }
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_broker_is_waited_for_on_one_connection() {
    let rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let settings = Settings { confirm_timeout: Duration::from_millis(500), ..settings(&rabbit.url()) };
    prepared(&settings).await;
    let bus = Bus::connect(settings);
    bus.publish(message(0)).await.expect("confirmed");
    tokio::task::block_in_place(|| rabbit.control(&["set_vm_memory_high_watermark", "absolute", "1024"]));
    let blocked = Instant::now();
    while bus.publish(message(1)).await.is_ok() {
        assert!(blocked.elapsed() < SOON, "the alarm does not block");
    }
    for number in 0..3 {
        let outcome =
            timeout(Duration::from_secs(2), bus.publish(message(number))).await.expect("it resolves");
        assert!(matches!(outcome, Err(BusError::Unconfirmed { .. })), "{outcome:?}");
    }
    let names = tokio::task::block_in_place(|| rabbit.control(&["-q", "list_connections", "name"]));
    assert!(names.lines().filter(|line| line.contains("->")).count() <= 2, "{names}");
    tokio::task::block_in_place(|| {
        rabbit.control(&["set_vm_memory_high_watermark", "absolute", "1000000000"])
    });
    let started = Instant::now();
    while let Err(e) = bus.publish(message(2)).await {
        assert!(started.elapsed() < SOON, "{e}");
    }
    bus.close().await;
}
