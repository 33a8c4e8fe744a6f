//! RabbitMQ from the outside: publishers, gateways, an operator.

use adapters::amqp::Settings;
use adapters::amqp::topology;
use common::ports::error::BusError;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Limit for something that happens at once on an idle machine.
pub const SOON: Duration = Duration::from_secs(20);
pub const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const QUEUES: [&str; 3] = ["signalbox.events", "signalbox.rejected", "signalbox.unrouted"];

pub fn settings(url: &str) -> Settings {
    Settings {
        url: url.into(),
        events_max_bytes: 64 << 20,
        rejected_max_bytes: 64 << 20,
        unrouted_max_bytes: 64 << 20,
        prefetch: 64,
        confirm_timeout: Duration::from_secs(5),
        heartbeat: 2,
        name: "test".into(),
    }
}

/// The shared broker with the topology of `settings` and empty queues.
pub async fn prepared(settings: &Settings) -> Channel {
    let channel = plain_channel(&settings.url).await;
    for queue in QUEUES {
        let _ = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
    }
    let lines = topology::migrate(&settings.url, settings).await.expect("migrate");
    assert!(!lines.is_empty());
    channel
}

pub async fn plain_channel(url: &str) -> Channel {
    let connection =
        Connection::connect(url, ConnectionProperties::default()).await.expect("a plain connection");
    let channel = connection.create_channel().await.expect("a plain channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    channel
}

/// A queue for commands as a gateway has one.
pub async fn gateway(channel: &Channel, pattern: &str) -> String {
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

pub async fn depth(channel: &Channel, queue: &str) -> u32 {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("the queue");
    queue.message_count()
}

pub async fn get(channel: &Channel, queue: &str) -> lapin::message::Delivery {
    let deadline = Instant::now() + SOON;
    loop {
        let got = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.expect("get");
        match got {
            Some(message) => return message.delivery,
            None => assert!(Instant::now() < deadline, "no message in {queue}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Publishes event `number` as a carrier does.
pub async fn send(channel: &Channel, number: usize) -> Result<(), BusError> {
    let mut headers = FieldTable::default();
    headers.insert("reference".into(), AMQPValue::ByteArray(b"call-1".as_slice().into()));
    headers.insert("traceparent".into(), AMQPValue::LongString(TRACE.into()));
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_message_id(format!("event-{number}").into())
        .with_user_id("guest".into())
        .with_headers(headers);
    let (exchange, key) = ("signalbox.events".into(), "call.incoming".into());
    let body = number.to_string();
    let sent =
        channel.basic_publish(exchange, key, BasicPublishOptions::default(), body.as_bytes(), properties);
    let confirm = sent.await.expect("published").await.expect("a confirm");
    if confirm.is_ack() { Ok(()) } else { Err(BusError::Nacked { to: "signalbox.events".into() }) }
}
