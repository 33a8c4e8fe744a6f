//! RabbitMQ is unreachable, killed, silent or blocking.

use super::harness::{SOON, message, next, number};
use adapters::amqp::{Bus, Settings};
use common::command::Message;
use common::ports::Bus as _;
use common::ports::error::BusError;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::support::broker::{get, plain_channel, prepared, send, settings};
use tests::support::{Rabbit, RabbitOptions};
use tokio::time::{sleep, timeout};

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
    // RabbitMQ 3.10.8 writes the directory of its quorum queues up to a second late: if it is killed before that, it
    // restarts with an empty queue that has no leader.
    sleep(Duration::from_secs(2)).await;
    for number in 0..10 {
        send(&channel, number).await.expect("confirmed");
    }
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
    assert_eq!(timeout(SOON, deliveries.next()).await.expect("the session ends"), None);
    assert!(!bus.is_up());

    tokio::task::block_in_place(|| rabbit.restart());
    let mut deliveries = timeout(SOON, bus.consume()).await.expect("the consumer reconnects");
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
        assert!(blocked.elapsed() < SOON, "the alarm does not block publishing");
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
