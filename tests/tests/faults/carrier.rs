//! Test of the test carrier: every event that it reports as confirmed is stored after the broker was killed.

use lapin::ExchangeKind;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tests::carrier::gateway::bind;
use tests::carrier::link::{EVENTS, connect};
use tests::carrier::{Link, Outgoing};
use tests::ledger::reader::drain;
use tests::support::{Rabbit, RabbitOptions};
use tokio_util::task::TaskTracker;

const MESSAGES: usize = 3_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_repeats_until_the_broker_has_it() {
    let mut rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let url = rabbit.url();
    let connection = connect(&url).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(EVENTS.into(), ExchangeKind::Topic, durable, FieldTable::default())
        .await
        .unwrap();
    bind(&url, "test.events", EVENTS, &["#"]).await.unwrap();
    // See `Site::settle_queues`: a queue that was declared a moment ago does not survive kill -9.
    tokio::task::block_in_place(|| rabbit.restart());

    let link = Link::open(&url);
    let tasks = TaskTracker::new();
    for number in 0..MESSAGES {
        let link = link.clone();
        tasks.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number as u64 / 2)).await;
            let id = format!("event-{number}");
            link.publish(Outgoing::raw(&id, "call.incoming", "call", b"{}".to_vec())).await;
        });
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    rabbit.kill9();
    tokio::task::block_in_place(|| rabbit.restart());
    tasks.close();
    tokio::time::timeout(Duration::from_secs(120), tasks.wait()).await.expect("everything is confirmed");

    assert!(
        link.counts().unknown.load(Ordering::Relaxed) > 0,
        "no confirm was lost although the broker was killed"
    );
    let found: BTreeSet<String> =
        drain(&url, "test.events").await.unwrap().into_iter().map(|left| left.message_id).collect();
    assert_eq!(found.len(), MESSAGES);
}
