//! Channels and consumers that the broker closes.

use super::harness::{message, until, within};
use adapters::amqp::{Bus, Settings, topology};
use common::ports::Bus as _;
use common::ports::bus::{Deliveries, Delivery};
use common::ports::error::BusError;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use tests::support::Rabbit;
use tests::support::broker::{depth, plain_channel, prepared, send, settings};

async fn next(deliveries: &mut Box<dyn Deliveries>) -> Delivery {
    within("a delivery", deliveries.next()).await.unwrap()
}

async fn taken(deliveries: &mut Box<dyn Deliveries>, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    for _ in 0..count {
        taken.push(next(deliveries).await);
    }
    taken
}

async fn delete_events(channel: &Channel) {
    channel.queue_delete("signalbox.events".into(), QueueDeleteOptions::default()).await.unwrap();
}

/// Publishing to a missing exchange closes the channel (404), and lapin never reopens a channel: open messages are
/// unconfirmed, the generation ends, and the next one publishes (`Task::serve`).
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_exchange_ends_one_generation() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    bus.publish(message(0, "call.talk")).await.unwrap();
    let exchange = "signalbox.commands".into();
    channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.unwrap();
    let lost = within("an outcome", bus.publish(message(1, "call.talk"))).await;
    assert!(
        matches!(&lost, Err(BusError::Unconfirmed { reason, .. }) if reason.contains("NOT_FOUND")),
        "{lost:?}"
    );
    topology::migrate(&settings.url, &settings).await.unwrap();
    until("it publishes again", async || bus.publish(message(2, "call.talk")).await.is_ok()).await;
    bus.close().await;
}

/// A channel that is closed because of one acknowledgement (406) reports the error once to its consumer and then ends it.
/// Later acknowledgements are lost without an error, and the message is redelivered and marked as such.
/// `Session::next` treats both as the end; `wire.rs` reads the count.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_was_closed_acknowledges_nothing() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let plain = plain_channel(&rabbit.url()).await;
    let channel = plain_channel(&rabbit.url()).await;
    let options = QueueDeclareOptions { auto_delete: true, ..Default::default() };
    let queue = plain.queue_declare("pitfalls.closed".into(), options, FieldTable::default()).await.unwrap();
    let name = queue.name().clone();
    let consume = async |channel: &Channel| {
        let options = BasicConsumeOptions::default();
        channel.basic_consume(name.clone(), "".into(), options, FieldTable::default()).await.unwrap()
    };
    let mut consumer = consume(&channel).await;
    let properties = BasicProperties::default();
    plain.basic_publish("".into(), name.clone(), Default::default(), b"{}", properties).await.unwrap();
    let delivery = within("a delivery", consumer.next()).await.unwrap().unwrap();
    let mut another = consume(&plain).await;

    channel.basic_ack(999, BasicAckOptions::default()).await.unwrap();
    let error = within("the error", consumer.next()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("PRECONDITION_FAILED"), "{error}");
    assert!(within("the end", consumer.next()).await.is_none());
    assert!(matches!(delivery.acker.ack(BasicAckOptions::default()).await, Ok(false)));
    let again = within("a redelivery", another.next()).await.unwrap().unwrap();
    assert!(again.redelivered);
}

/// The broker closes a channel that acknowledges an undelivered message: `Session::ack_through` never sends that.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledging_too_much_is_not_sent() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings);
    let mut deliveries = within("a consumer", bus.consume()).await;
    for number in 0..3 {
        send(&channel, number).await.unwrap();
        assert_eq!(next(&mut deliveries).await.tag, number as u64 + 1);
        deliveries.ack_through(999);
    }
    drop(deliveries);
    bus.close().await;
    assert_eq!(depth(&channel, "signalbox.events").await, 0);
}

/// Deleting a queue cancels its consumers: the stream ends, and the next session waits for a queue (`Bus::consume`).
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_ends_a_consumers_session() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let bus = Bus::connect(settings.clone());
    let mut deliveries = within("a consumer", bus.consume()).await;
    delete_events(&channel).await;
    assert_eq!(within("the end", deliveries.next()).await, None);
    let (again, _) = tokio::join!(within("another session", bus.consume()), async {
        topology::migrate(&settings.url, &settings).await.unwrap();
        send(&channel, 1).await.unwrap();
    });
    let mut deliveries = again;
    assert_eq!(next(&mut deliveries).await.body, b"1");
    bus.close().await;
}

/// The broker closes a channel that does not acknowledge in time (30 minutes, here one second): the session ends and the
/// event is redelivered.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_kept_too_long_ends_a_consumers_session() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    send(&channel, 1).await.unwrap();
    let set = |timeout: u32, tick: u32| {
        let set = |name: &str, value: u32| format!("application:set_env(rabbit, {name}, {value})");
        let both = [set("consumer_timeout", timeout), set("channel_tick_interval", tick)].join(", ") + ".";
        tokio::task::block_in_place(|| rabbit.control(&["eval", &both]));
    };
    set(1_000, 200);
    let bus = Bus::connect(settings);
    let mut deliveries = within("a consumer", bus.consume()).await;
    assert_eq!(next(&mut deliveries).await.delivery_count, 0);
    assert_eq!(within("the end", deliveries.next()).await, None);
    set(1_800_000, 60_000);
    let mut deliveries = within("another session", bus.consume()).await;
    assert!(next(&mut deliveries).await.delivery_count > 0);
    bus.close().await;
}

/// The end of a consumer raises the delivery count of every message that was sent to it, even if it never read it. The
/// broker gives up an event after fifty deliveries (`topology/table.rs`), so prefetch is small and no event may kill a
/// dispatcher.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_consumer_counts_for_all_that_it_was_sent() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = Settings { prefetch: 10, ..settings(&rabbit.url()) };
    let channel = prepared(&settings).await;
    for number in 0..20 {
        send(&channel, number).await.unwrap();
    }
    let bus = Bus::connect(settings);
    let mut deliveries = within("a consumer", bus.consume()).await;
    taken(&mut deliveries, 2).await;
    until("ten are sent to the consumer", async || depth(&channel, "signalbox.events").await == 10).await;
    drop(deliveries);
    let mut deliveries = within("another session", bus.consume()).await;
    let again = taken(&mut deliveries, 10).await;
    assert!(again.iter().all(|delivery| delivery.delivery_count == 1), "{again:?}");
    deliveries.ack_through(10);
    let rest = taken(&mut deliveries, 10).await;
    assert!(rest.iter().all(|delivery| delivery.delivery_count == 0), "{rest:?}");
    bus.close().await;
}
