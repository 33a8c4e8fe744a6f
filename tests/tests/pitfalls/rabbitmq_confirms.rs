//! Matching of confirms to messages.

use super::harness::{message, through, until, within};
use adapters::amqp::{Bus, Settings};
use common::ports::Bus as _;
use common::ports::error::BusError;
use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use std::time::Duration;
use tests::support::broker::{depth, gateway, plain_channel, prepared, settings};
use tests::support::{Hold, Proxy, Rabbit};

/// A queue for `full.#` that takes one message and refuses the next ones.
async fn full(channel: &Channel) {
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let queue = channel.queue_declare("".into(), options, arguments).await.unwrap();
    let (exchange, key) = ("signalbox.commands".into(), "full.#".into());
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.name().clone(), exchange, key, options, FieldTable::default()).await.unwrap();
}

/// Confirms for several messages at once, and nacks among them, reach the right messages, even if other callers no longer
/// wait: `publish/task.rs` polls each publish once before the next one, on its own channel.
#[tokio::test(flavor = "multi_thread")]
async fn every_message_gets_its_own_outcome() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let proxy = Proxy::before(rabbit.port()).await;
    let channel = prepared(&settings(&rabbit.url())).await;
    full(&channel).await;
    let free = gateway(&channel, "free.#").await;
    let bus = Bus::connect(through(&proxy, &rabbit));
    bus.publish(message(0, "full.one")).await.unwrap();

    let key = |number: usize| if number % 7 < 2 { "full.up" } else { "free.way" };
    let confirms: Vec<_> = (0..4_000).map(|number| bus.publish(message(number, key(number)))).collect();
    let (dropped, kept): (Vec<_>, Vec<_>) =
        confirms.into_iter().enumerate().partition(|(number, _)| number % 11 == 0);
    drop(dropped);
    let settled = kept.into_iter().map(async |(number, confirm)| (number, confirm.await));
    for (number, outcome) in within("every confirm", join_all(settled)).await {
        match key(number) {
            "full.up" => assert!(matches!(outcome, Err(BusError::Nacked { .. })), "{number}: {outcome:?}"),
            _ => assert_eq!(outcome, Ok(()), "{number}"),
        }
    }
    let sent = (0..4_000).filter(|number| key(*number) == "free.way").count();
    until("messages without a waiting caller arrive too", async || {
        depth(&channel, &free).await as usize == sent
    })
    .await;
    let (acks, multiple) = acks(&proxy.replies());
    println!("{acks} acks, {multiple} of them for several messages");
    assert!(multiple > 0, "the broker confirmed each message separately, so this run tests nothing");
    bus.close().await;
}

/// Number of `basic.ack` frames, and of those with the flag *multiple*.
fn acks(replies: &[u8]) -> (usize, usize) {
    // Size of the frame, class 60, method 80; then the tag and one byte of flags.
    const ACK: [u8; 8] = [0, 0, 0, 13, 0, 60, 0, 80];
    let found: Vec<bool> =
        replies.windows(17).filter(|bytes| bytes.starts_with(&ACK)).map(|bytes| bytes[16] & 1 == 1).collect();
    (found.len(), found.iter().filter(|multiple| **multiple).count())
}

/// A confirm after the timeout is not matched to a newer message: a late generation ends with its channel (`Task::serve`),
/// and the next channel counts its tags from one.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_confirm_is_not_a_newer_messages() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let proxy = Proxy::before(rabbit.port()).await;
    let channel = prepared(&settings(&rabbit.url())).await;
    full(&channel).await;
    let free = gateway(&channel, "free.#").await;
    let limit = Duration::from_secs(1);
    let bus = Bus::connect(Settings { confirm_timeout: limit, heartbeat: 60, ..through(&proxy, &rabbit) });
    until("connected", async || bus.publish(message(0, "full.one")).await.is_ok()).await;

    proxy.hold(Hold::Replies);
    for number in 1..4 {
        let late = within("the limit", bus.publish(message(number, "free.way"))).await;
        assert!(matches!(late, Err(BusError::Unconfirmed { .. })), "{late:?}");
        until("another generation", async || bus.is_up()).await;
        let refused = async || bus.publish(message(number, "full.up")).await;
        until("it refuses", async || matches!(refused().await, Err(BusError::Nacked { .. }))).await;
        proxy.release();
        assert!(matches!(refused().await, Err(BusError::Nacked { .. })));
        proxy.hold(Hold::Replies);
    }
    assert_eq!(depth(&channel, &free).await, 3, "the unconfirmed messages were stored");
    proxy.release();
    bus.close().await;
}

/// An unroutable message is returned before its confirm, but lapin attaches it to the confirm that resolves next: with many
/// open confirms, to the wrong one. Signalbox publishes nothing as mandatory; `signalbox.commands` has an alternate exchange
/// instead (`topology/table.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn a_returned_message_may_be_handed_to_the_wrong_confirm() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let channel = plain_channel(&rabbit.url()).await;
    let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await.unwrap();
    let publish = async |number: usize, queue: &str| {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let properties = BasicProperties::default().with_message_id(number.to_string().into());
        channel.basic_publish("".into(), queue.into(), options, b"{}", properties).await
    };
    let alone = publish(0, "nobody").await.unwrap().await.unwrap();
    assert!(alone.is_ack() && alone.take_message().is_some());

    let (mut returned, mut wrong) = (0, 0);
    for _ in 0..20 {
        let mut confirms = Vec::new();
        for number in 0..100 {
            let to = if number % 10 == 9 { "nobody" } else { queue.name().as_str() };
            confirms.push(publish(number, to).await.unwrap());
        }
        for (number, confirm) in join_all(confirms).await.into_iter().enumerate() {
            if let Some(message) = confirm.unwrap().take_message() {
                let its_own = message.properties.message_id().as_ref().map(ToString::to_string);
                returned += 1;
                wrong += usize::from(its_own != Some(number.to_string()));
            }
        }
    }
    assert_eq!(returned, 200);
    println!("{wrong} of {returned} returned messages were handed to the confirm of another");
}

/// The broker also acknowledges a message for which there is no queue: publishing to a deleted queue loses the message
/// without an error. `signalbox_queue_messages` shows whether the queues exist (`amqp/queues.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn an_ack_does_not_say_that_there_was_a_queue() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let channel = plain_channel(&rabbit.url()).await;
    let (to, options) = ("no.such.queue".into(), BasicPublishOptions::default());
    let sent = channel.basic_publish("".into(), to, options, b"{}", BasicProperties::default()).await;
    let confirm = sent.unwrap().await.unwrap();
    assert!(confirm.is_ack() && confirm.take_message().is_none());
}
