//! The order of commands on RabbitMQ while connections break.

use super::harness::{SOON, message};
use adapters::amqp::Bus;
use common::command::Message;
use common::ports::Bus as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::support::broker::{depth, gateway, get, prepared, settings};
use tests::support::{Proxy, Rabbit};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const BATCH: usize = 4;
const RUN: Duration = Duration::from_secs(5);

/// A batch that is split over two connections would send its last commands before its first, which are sent again.
#[tokio::test(flavor = "multi_thread")]
async fn commands_keep_their_order_while_connections_break() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let direct = settings(&rabbit.url());
    let channel = prepared(&direct).await;
    let queue = gateway(&channel, "call.#").await;
    let proxy = Proxy::before(rabbit.port()).await;
    let url = rabbit.url().replace(&format!(":{}", rabbit.port()), &format!(":{}", proxy.port()));
    let bus = Arc::new(Bus::connect(settings(&url)));
    let until = Instant::now() + RUN;
    let mut publishers = JoinSet::new();
    for publisher in 0..8 {
        publishers.spawn(publish(bus.clone(), publisher, until));
    }
    while Instant::now() < until {
        sleep(Duration::from_millis(20)).await;
        if bus.is_up() {
            proxy.cut();
        }
    }
    let cuts = proxy.accepted();
    let published: usize = timeout(SOON, publishers.join_all()).await.expect("they end").iter().sum();
    bus.close().await;

    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    let mut copies = 0;
    while depth(&channel, &queue).await > 0 {
        let delivery = get(&channel, &queue).await;
        let id = delivery.properties.message_id().clone().expect("an id").to_string();
        let (flow, number) = id.split_once(':').expect("flow:number");
        let (number, last) =
            (number.parse::<usize>().expect("a number"), last.entry(flow.into()).or_default());
        assert!(number <= *last + 1, "{flow}: command {number} came after {last}");
        copies += usize::from(number <= *last);
        *last = number.max(*last);
    }
    println!("{published} commands over {cuts} connections, {copies} copies");
    assert_eq!(last.values().sum::<usize>(), published);
    assert!(cuts > 2, "{cuts} connections");
}

/// Publishes like an executor: from the first unconfirmed command of a batch on, again and again.
async fn publish(bus: Arc<Bus>, publisher: usize, until: Instant) -> usize {
    let command = |number| Message { id: format!("flow-{publisher}:{number}"), ..message(number) };
    let mut confirmed = 0;
    while Instant::now() < until || confirmed % BATCH != 0 {
        let end = confirmed - confirmed % BATCH + BATCH;
        for confirm in bus.publish_all((confirmed + 1..=end).map(command).collect()) {
            if confirm.await.is_err() {
                break;
            }
            confirmed += 1;
        }
    }
    confirmed
}
