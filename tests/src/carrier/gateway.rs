//! The gateway: takes commands from its own durable queue, each id once, and passes them to the calls that they name.
//!
//! A command is acknowledged once it is in the call's mailbox. The ids that were carried out are remembered, so copies
//! (which the engine is allowed to send) have no effect. Commands for calls that are over are dropped.

use super::link::broker;
use super::timeline::Timeline;
use ::carrier::amqp::{self, Delivery, Queue, QueueKind};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use ::carrier::amqp::COMMANDS;

const PREFETCH: u16 = 500;

/// A command as a call script sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub id: String,
    pub kind: String,
    pub subject: String,
    pub action_id: String,
    /// The complete `data`.
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
    /// The broker refuses the queue.
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

    /// Number of copies of commands that had already been carried out.
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
    /// `None` when the body is not a command as docs/integrate.md describes it.
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
/// The broker cannot be reached or refuses.
pub async fn bind(url: &str, queue: &str, exchange: &str, patterns: &[&str]) -> anyhow::Result<()> {
    let patterns = patterns.iter().map(ToString::to_string).collect();
    let queue =
        Queue { name: queue.to_owned(), kind: QueueKind::Quorum, exchange: exchange.to_owned(), patterns };
    Ok(amqp::declare(&broker(url), &queue).await?)
}

/// Consumes `queue` until `stop`, with a new connection after each break.
pub async fn keep_consuming(
    url: String,
    queue: String,
    stop: CancellationToken,
    mut on_delivery: impl FnMut(&Delivery) + Send,
) {
    // The queue exists, with its bindings: `bind` has declared it.
    let queue = Queue { name: queue, kind: QueueKind::Quorum, exchange: String::new(), patterns: Vec::new() };
    let handle = |delivery: &Delivery| {
        on_delivery(delivery);
        std::future::ready(())
    };
    amqp::keep_consuming(broker(&url), queue, PREFETCH, None, stop, handle).await;
}
