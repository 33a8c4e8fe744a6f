//! A broker that is silent, or that blocks publishers.

use super::harness::{message, through, until, within};
use adapters::amqp::{Bus, Settings};
use common::ports::Bus as _;
use common::ports::error::BusError;
use std::time::Duration;
use tests::support::broker::{plain_channel, prepared, send, settings};
use tests::support::{Hold, Proxy, Rabbit};
use tokio::time::sleep;

/// Settings for a connection through the proxy with a short heartbeat.
fn listening(proxy: &Proxy, rabbit: &Rabbit) -> Settings {
    Settings { heartbeat: 1, ..through(proxy, rabbit) }
}

/// A silent connection ends a consumer's session after twice the heartbeat of `connection::open`; without that setting the
/// broker's 60 s would apply. An acknowledgement on that connection is lost and the event is redelivered. If it arrives later,
/// it acknowledges nothing on the next connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_ends_a_consumers_session() {
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

    let mut deliveries = within("another session", bus.consume()).await;
    let again = within("a redelivery", deliveries.next()).await.unwrap();
    assert_eq!((again.body, again.tag, again.delivery_count), (first.body, 1, 1));
    proxy.release();
    let channel = plain_channel(&rabbit.url()).await;
    send(&channel, 2).await.unwrap();
    assert_eq!(within("the next event", deliveries.next()).await.unwrap().body, b"2");
    drop(deliveries);
    let mut deliveries = within("a third session", bus.consume()).await;
    assert_eq!(within("neither was acknowledged", deliveries.next()).await.unwrap().body, b"1");
    bus.close().await;
}

/// An idle publisher detects a silent connection by the heartbeat too, and opens another one. A busy publisher detects it by
/// the confirm timeout (contract, `a_silent_broker_leaves_no_confirm_open`).
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

/// An alarm blocks publishing connections while it lasts: lapin stops writing, even heartbeats, and neither side closes the
/// connection. Messages become unconfirmed after the timeout (`Task::serve`). Events are still consumed and acknowledged,
/// because that is another connection.
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
        let delivery = within("an event during the alarm", deliveries.next()).await.unwrap();
        assert_eq!(delivery.tag, number + 1);
        deliveries.ack_through(delivery.tag);
        // Longer than twice the heartbeat in all.
        sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(publish().await, Err(BusError::Unconfirmed { .. })));
    assert_eq!(proxy.accepted(), connections, "the alarm must not close a connection");
    watermark("1000000000");
    until("it publishes again", async || publish().await.is_ok()).await;
    bus.close().await;
}
