//! A broker that says nothing, or nothing to publishers.

use super::harness::{message, through, until, within};
use adapters::amqp::{Bus, Settings};
use common::ports::Bus as _;
use common::ports::error::BusError;
use std::time::Duration;
use tests::support::broker::{plain_channel, prepared, send, settings};
use tests::support::{Hold, Proxy, Rabbit};
use tokio::time::sleep;

/// Through the proxy, with a heartbeat that tests can wait for.
fn listening(proxy: &Proxy, rabbit: &Rabbit) -> Settings {
    Settings { heartbeat: 1, ..through(proxy, rabbit) }
}

/// A black hole ends a consumer's life after twice our heartbeat (`connection::open`); without one of our own it would be
/// the broker's 60 s. An acknowledgement that went into it is lost and the event comes again; released later, it
/// acknowledges nothing on the connection that came after.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_ends_a_consumers_life() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let proxy = Proxy::before(rabbit.port()).await;
    let settings = listening(&proxy, &rabbit);
    let channel = prepared(&settings).await;
    send(&channel, 1).await.unwrap();
    let bus = Bus::connect(settings);
    let mut deliveries = within("a consumer", bus.consume()).await;
    let first = within("a delivery", deliveries.next()).await.unwrap();
    proxy.hold(Hold::Both);
    deliveries.ack_through(first.tag);
    assert_eq!(within("the end", deliveries.next()).await, None);

    let mut deliveries = within("another life", bus.consume()).await;
    let again = within("it comes again", deliveries.next()).await.unwrap();
    assert_eq!((again.body, again.tag, again.delivery_count), (first.body, 1, 1));
    proxy.release();
    let channel = plain_channel(&rabbit.url()).await;
    send(&channel, 2).await.unwrap();
    assert_eq!(within("the next event", deliveries.next()).await.unwrap().body, b"2");
    drop(deliveries);
    let mut deliveries = within("a third life", bus.consume()).await;
    assert_eq!(within("neither was acknowledged", deliveries.next()).await.unwrap().body, b"1");
    bus.close().await;
}

/// A publisher with nothing to say notices a black hole by the heartbeat, too, and opens another connection; with
/// something to say, it is the time limit of a confirm (contract, `a_silent_broker_leaves_no_confirm_open`).
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_ends_an_idle_publishers_generation() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let proxy = Proxy::before(rabbit.port()).await;
    prepared(&settings(&rabbit.url())).await;
    let bus = Bus::connect(listening(&proxy, &rabbit));
    bus.publish(message(0, "call.talk")).await.unwrap();
    assert_eq!(proxy.accepted(), 1);
    proxy.hold(Hold::Both);
    until("another connection", async || proxy.accepted() > 1).await;
    until("it publishes", async || bus.publish(message(1, "call.talk")).await.is_ok()).await;
    bus.close().await;
}

/// An alarm blocks connections that publish, for as long as it lasts: lapin stops writing, heartbeats included, and
/// neither side gives the connection up for it. Our messages are unconfirmed in time (`Task::serve`); events are taken
/// and acknowledged meanwhile, because that is another connection.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_stops_publishing_and_nothing_else() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let proxy = Proxy::before(rabbit.port()).await;
    let limit = Duration::from_millis(500);
    let channel = prepared(&settings(&rabbit.url())).await;
    for number in 0..40 {
        send(&channel, number).await.unwrap();
    }
    let bus = Bus::connect(Settings { prefetch: 2, confirm_timeout: limit, ..listening(&proxy, &rabbit) });
    let mut deliveries = within("a consumer", bus.consume()).await;
    until("it publishes", async || bus.publish(message(0, "call.talk")).await.is_ok()).await;
    let connections = proxy.accepted();

    let watermark = |bytes: &str| {
        tokio::task::block_in_place(|| rabbit.control(&["set_vm_memory_high_watermark", "absolute", bytes]));
    };
    watermark("1024");
    let publish = async || within("an outcome", bus.publish(message(1, "call.talk"))).await;
    until("it blocks", async || matches!(publish().await, Err(BusError::Unconfirmed { .. }))).await;
    for number in 0..40 {
        let delivery = within("events go on", deliveries.next()).await.unwrap();
        assert_eq!(delivery.tag, number + 1);
        deliveries.ack_through(delivery.tag);
        // Longer than twice the heartbeat in all.
        sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(publish().await, Err(BusError::Unconfirmed { .. })));
    assert_eq!(proxy.accepted(), connections, "no connection was given up for the alarm");
    watermark("1000000000");
    until("it publishes again", async || publish().await.is_ok()).await;
    bus.close().await;
}
