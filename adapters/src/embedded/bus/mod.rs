//! The bus without a broker: queues in memory, each record of them in the table of the data folder.
//!
//! What RabbitMQ does for the roles, this does in their process: it keeps events until they are acknowledged, commands
//! until gateways have acknowledged them, and rejected events until a person decides. Every answer waits until what it
//! rests on is on the disk, as a broker's confirm does. `docs/decisions/0010` says where it differs.
//!
//! ```text
//! offer ────► events.rs: signalbox.events ────────► consume.rs: a life of a consumer
//! publish ──► queues.rs: queues of commands ──────► reader.rs: a life of a reader, for gateways
//!                └ signalbox.unrouted until a queue takes them
//! reject ───► rejected.rs: signalbox.rejected ────► list, replay, discard
//! backlog.rs: what waits in one queue      topic.rs: patterns      record.rs: keys and records      recover.rs
//! ```

mod backlog;
mod consume;
mod events;
mod queues;
mod reader;
mod record;
mod recorded;
mod recover;
mod rejected;
mod topic;
mod watch;

use super::disk::{Change, Disk, DiskError, Written};
use async_trait::async_trait;
use common::command::Message;
use common::ports::bus::{Bus as Port, Confirm, Deliveries, Delivery, Rejection};
use common::ports::error::{BusError, Unusable};
use common::ports::rejects::Rejected;
use events::Events;
use metrics::counter;
use queues::Queues;
use rejected::Rejections;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch::Sender;

const EVENTS: &str = "signalbox.events";
const REJECTED: &str = "signalbox.rejected";
const UNROUTED_DROPPED: &str = "signalbox_unrouted_dropped_total";

#[derive(Clone, Debug)]
pub struct Settings {
    /// Byte limits of the queues, all of which are in memory; over it a publish is refused (nack).
    pub events_max_bytes: u64,
    pub rejected_max_bytes: u64,
    /// Of each queue of commands.
    pub commands_max_bytes: u64,
    /// Over this the oldest go: nobody has asked for them.
    pub unrouted_max_bytes: u64,
    /// Unacknowledged deliveries that a consumer may hold.
    pub prefetch: u16,
    /// How long the disk may take before the outcome of a message is unknown.
    pub confirm_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        const MIB: u64 = 1 << 20;
        Settings {
            events_max_bytes: 64 * MIB,
            rejected_max_bytes: 64 * MIB,
            commands_max_bytes: 64 * MIB,
            unrouted_max_bytes: 16 * MIB,
            prefetch: 64,
            confirm_timeout: Duration::from_secs(10),
        }
    }
}

/// An event as a publisher in this process offers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its CloudEvents type.
    pub routing_key: String,
    pub reference: Option<String>,
    pub message_id: Option<String>,
    pub traceparent: Option<String>,
    /// From which the realm comes, as from the user whom a broker has validated.
    pub user_id: Option<String>,
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// Clones are the same bus.
#[derive(Clone)]
pub struct Bus {
    inner: Arc<Inner>,
}

struct Inner {
    disk: Arc<Disk>,
    confirm_timeout: Duration,
    state: Mutex<State>,
    /// Something came or went: whoever waits looks again.
    changed: Sender<()>,
    /// Whoever has it is the consumer of the event queue.
    consumer: Arc<tokio::sync::Mutex<()>>,
}

struct State {
    events: Events,
    queues: Queues,
    rejections: Rejections,
}

impl Bus {
    /// Publishes an event, as a source does over AMQP.
    pub fn offer(&self, event: Event) -> Confirm {
        let (event, record) = event.with_record();
        self.inner.keep(EVENTS, |state, changes| {
            let has_room = state.events.waiting().has_room(record.len());
            if has_room {
                state.events.push(event, record, changes);
            }
            has_room
        })
    }
}

#[async_trait]
impl Port for Bus {
    /// One consumer at a time: another stands by until the life before it is dropped.
    async fn consume(&self) -> Box<dyn Deliveries> {
        Box::new(consume::Session::begin(self.inner.clone()).await)
    }

    fn publish(&self, message: Message) -> Confirm {
        let Message { correlation_id, routing_key, .. } = &message;
        let trouble = self.inner.trouble(routing_key);
        let (published, written) = self.inner.change(|state, changes| {
            let published = match trouble {
                Ok(()) => state.queues.publish(&message, changes).map_err(|queue| nacked(&queue)),
                Err(trouble) => Err(trouble),
            };
            if published.is_err() {
                state.queues.refuse(correlation_id);
            }
            published
        });
        match published {
            Ok(dropped) => {
                if dropped > 0 {
                    counter!(UNROUTED_DROPPED).increment(dropped);
                }
                self.inner.confirm(routing_key, written, Ok(()))
            }
            Err(refusal) => {
                let heard = Heard { inner: self.inner.clone(), activeflow: correlation_id.clone() };
                let refused = self.inner.confirm(routing_key, written, Err(refusal));
                Box::pin(async move {
                    let outcome = refused.await;
                    drop(heard);
                    outcome
                })
            }
        }
    }

    /// Nobody can listen: it is confirmed and gone, as where no queue is bound.
    fn announce(&self, message: Message) -> Confirm {
        tracing::debug!(id = message.id, kind = message.routing_key, "A notice that nobody can listen to");
        Box::pin(std::future::ready(Ok(())))
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.inner.keep(REJECTED, |state, changes| state.rejections.keep(rejection, changes))
    }

    fn is_up(&self) -> bool {
        self.inner.disk.trouble().is_none()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state; the order of the changes on the disk is that of the calls.
    fn change<T>(&self, change: impl FnOnce(&mut State, &mut Vec<Change>) -> T) -> (T, Written) {
        let mut state = self.state();
        let mut changes = Vec::new();
        let outcome = change(&mut state, &mut changes);
        let is_changed = !changes.is_empty();
        let written = self.disk.write(changes);
        drop(state);
        if is_changed {
            self.changed.send_replace(());
        }
        (outcome, written)
    }

    /// While the disk refuses, nothing is taken: what waits for it is in memory.
    fn trouble(&self, to: &str) -> Result<(), BusError> {
        let unconfirmed = |reason| BusError::Unconfirmed { to: to.to_owned(), reason };
        self.disk.trouble().map_or(Ok(()), |reason| Err(unconfirmed(reason)))
    }

    /// Puts a message into queue `to`, if that has room: `keep` says so.
    fn keep(&self, to: &str, keep: impl FnOnce(&mut State, &mut Vec<Change>) -> bool) -> Confirm {
        let trouble = self.trouble(to);
        let (outcome, written) = self.change(|state, changes| {
            trouble.and_then(|()| if keep(state, changes) { Ok(()) } else { Err(nacked(to)) })
        });
        self.confirm(to, written, outcome)
    }

    fn confirm(&self, to: &str, written: Written, outcome: Result<(), BusError>) -> Confirm {
        let (to, limit) = (to.to_owned(), self.confirm_timeout);
        Box::pin(async move {
            durable(written, limit)
                .await
                .map_err(|error| BusError::Unconfirmed { to, reason: error.reason })
                .and(outcome)
        })
    }

    async fn settled(&self, what: &str, written: Written) -> Result<(), Unusable> {
        let settled = durable(written, self.confirm_timeout).await;
        settled.map_err(|error| Unusable { what: what.to_owned(), reason: error.to_string() })
    }
}

/// The publisher of a refused command knows, or has stopped asking.
struct Heard {
    inner: Arc<Inner>,
    activeflow: String,
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.inner.state().queues.heard(&self.activeflow);
    }
}

impl Event {
    fn with_record(self) -> (Event, Vec<u8>) {
        let record = record::encode(&self, &self.body);
        (self, record)
    }

    fn delivery(self, tag: u64, delivery_count: u64) -> Delivery {
        let Event { routing_key, reference, message_id, traceparent, user_id, body } = self;
        Delivery { tag, body, routing_key, reference, message_id, traceparent, user_id, delivery_count }
    }
}

impl From<&Rejected> for Event {
    fn from(rejected: &Rejected) -> Event {
        let original = |name: &str| rejected.original.get(name).cloned();
        Event {
            routing_key: original("routing_key").unwrap_or_default(),
            reference: original("reference"),
            message_id: original("message_id"),
            traceparent: original("traceparent"),
            user_id: original("user_id"),
            body: rejected.body.clone(),
        }
    }
}

fn nacked(to: &str) -> BusError {
    BusError::Nacked { to: to.to_owned() }
}

async fn durable(written: Written, limit: Duration) -> Result<(), DiskError> {
    match tokio::time::timeout(limit, written.durable()).await {
        Ok(durable) => durable,
        Err(_) => Err(DiskError { reason: format!("no answer within {} ms", limit.as_millis()) }),
    }
}

#[cfg(test)]
mod tests;
