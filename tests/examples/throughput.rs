//! First throughput figures: preloads N events and measures how long a running Signalbox takes to turn them into commands.
//!
//! `throughput URL N COMMANDS SUBJECT_PREFIX`: waits on the command queue `throughput`, prints activeflows a second from the
//! first to the last command. The flow is deployed beforehand (call=+15550111).

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::collections::VecDeque;
use std::time::Instant;

const WINDOW: usize = 2_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, count, commands, prefix] = arguments.as_slice() else {
        anyhow::bail!("usage: throughput AMQP_URL EVENTS COMMANDS_PER_EVENT SUBJECT_PREFIX");
    };
    let (count, commands): (usize, usize) = (count.parse()?, commands.parse()?);
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("throughput".into(), durable, FieldTable::default()).await?;
    channel.queue_purge("throughput".into(), QueuePurgeOptions::default()).await?;
    let bind = QueueBindOptions::default();
    channel
        .queue_bind("throughput".into(), "signalbox.commands".into(), "#".into(), bind, FieldTable::default())
        .await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    channel.basic_qos(1_000, BasicQosOptions::default()).await?;
    let mut consumer = channel
        .basic_consume("throughput".into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let begun = Instant::now();
    let publishing = publish(connection.create_channel().await?, count, prefix.clone());
    let publishing = tokio::spawn(publishing);
    let (mut first, mut got) = (None, 0);
    while got < count * commands {
        let Some(delivery) = consumer.next().await else {
            anyhow::bail!("the consumer ended after {got} commands")
        };
        let delivery = delivery?;
        first.get_or_insert_with(Instant::now);
        got += 1;
        if got % 128 == 0 || got == count * commands {
            delivery.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    publishing.await??;
    let seconds = first.unwrap_or(begun).elapsed().as_secs_f64();
    println!("{count} events, {got} commands in {seconds:.2} s: {:.0} activeflows/s", count as f64 / seconds);
    Ok(())
}

async fn publish(channel: Channel, count: usize, prefix: String) -> anyhow::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut open = VecDeque::new();
    for n in 0..count {
        let subject = format!("{prefix}-{n}");
        let body = serde_json::json!({
            "specversion": "1.0", "id": subject, "source": "throughput", "type": "call.incoming", "subject": subject,
            "time": "2026-11-22T05:00:00Z", "datacontenttype": "application/json",
            "data": {"from": "+15550100", "to": "+15550111", "direction": "incoming", "padding": "x".repeat(350)},
        });
        let mut headers = FieldTable::default();
        headers.insert("reference".into(), AMQPValue::LongString(LongString::from(subject.clone())));
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_message_id(subject.into())
            .with_headers(headers);
        let body = body.to_string();
        let options = BasicPublishOptions::default();
        let confirm = channel
            .basic_publish(
                "signalbox.events".into(),
                "call.incoming".into(),
                options,
                body.as_bytes(),
                properties,
            )
            .await?;
        open.push_back(confirm);
        if open.len() > WINDOW
            && let Some(oldest) = open.pop_front()
        {
            anyhow::ensure!(!oldest.await?.is_nack(), "the event queue is full");
        }
    }
    for confirm in open {
        anyhow::ensure!(!confirm.await?.is_nack(), "the event queue is full");
    }
    Ok(())
}
