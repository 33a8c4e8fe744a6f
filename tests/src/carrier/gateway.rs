//! The gateway's side: takes commands from its own durable queue, each id once, and hands them to the calls they name.
//!
//! A command is acknowledged once it is in the call's mailbox. The ids that were carried out are remembered, so copies
//! (which the engine is allowed to send) have no effect. Commands for calls that are over are dropped.

use super::link::connect;
use super::timeline::Timeline;
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub const COMMANDS: &str = "signalbox.commands";

/// What a call's script sees of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub action_id: String,
    /// `data`, whole.
    pub data: Value,
}

/// The mailboxes of live calls and the ids that were carried out.
pub struct Gateway {
    inner: Mutex<Inner>,
    timeline: Arc<Timeline>,
}

#[derive(Default)]
struct Inner {
    calls: HashMap<String, mpsc::UnboundedSender<Command>>,
    done: HashSet<u64>,
    copies: u64,
}

impl Gateway {
    /// Declares `queue`, binds it with `patterns` and consumes it until `stop`.
    ///
    /// # Errors
    /// When the broker does not take the first declaration.
    pub async fn open(
        url: &str,
        queue: &str,
        patterns: &[&str],
        timeline: Arc<Timeline>,
        stop: CancellationToken,
    ) -> anyhow::Result<Arc<Gateway>> {
        bind(url, queue, COMMANDS, patterns).await?;
        let gateway = Arc::new(Gateway { inner: Mutex::default(), timeline });
        let mine = gateway.clone();
        let on_delivery = move |delivery: &Delivery| mine.take(&delivery.data);
        tokio::spawn(keep_consuming(url.to_owned(), queue.to_owned(), stop, on_delivery));
        Ok(gateway)
    }

    /// The mailbox of a call: commands for `subject` arrive there until it is dropped.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().calls.insert(subject.to_owned(), sender);
        receiver
    }

    pub fn forget(&self, subject: &str) {
        self.lock().calls.remove(subject);
    }

    /// How many copies of commands came that had been carried out already.
    pub fn copies(&self) -> u64 {
        self.lock().copies
    }

    fn take(&self, body: &[u8]) {
        let Some(command) = Command::read(body) else { return };
        let mut inner = self.lock();
        if !inner.done.insert(hash(&command.id)) {
            inner.copies += 1;
            return;
        }
        self.timeline.progress();
        if let Some(call) = inner.calls.get(&command.subject) {
            let _ = call.send(command);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Command {
    /// `None` when the body is not a command as interface.md describes it.
    pub fn read(body: &[u8]) -> Option<Command> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let data = value.get("data")?.clone();
        let action_id = data.get("action_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Command { id: text("id")?, kind: text("type")?, subject: text("subject")?, action_id, data })
    }

    /// The string at `data.<key>`, empty when there is none.
    pub fn text(&self, key: &str) -> &str {
        self.data.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// Declares a durable quorum queue and binds it to an exchange.
///
/// # Errors
/// What the broker says.
pub async fn bind(url: &str, queue: &str, exchange: &str, patterns: &[&str]) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    for pattern in patterns {
        let options = QueueBindOptions::default();
        channel
            .queue_bind(queue.into(), exchange.into(), (*pattern).into(), options, FieldTable::default())
            .await?;
    }
    connection.close(200, "bye".into()).await?;
    Ok(())
}

/// Consumes `queue` until `stop`, with a new connection whenever the last one broke.
pub async fn keep_consuming(
    url: String,
    queue: String,
    stop: CancellationToken,
    mut on_delivery: impl FnMut(&Delivery) + Send,
) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            ended = consume(&url, &queue, &mut on_delivery) => {
                let _ = ended;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn consume(
    url: &str,
    queue: &str,
    on_delivery: &mut (impl FnMut(&Delivery) + Send),
) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(500, BasicQosOptions::default()).await?;
    let mut deliveries = channel
        .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        on_delivery(&delivery);
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
