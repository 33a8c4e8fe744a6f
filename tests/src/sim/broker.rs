//! A broker: one event queue with a single active consumer, gateways' queues, and what its operator does to it.

use super::world::lock;
use crate::carrier::gateway::Command;
use crate::ledger::{Book, Received};
use common::command::Message;
use common::ports::bus::Rejection;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

#[derive(Default)]
pub struct Broker {
    pub(super) queues: Mutex<Queues>,
    pub(super) changed: Notify,
}

#[derive(Default)]
pub(super) struct Queues {
    pub events: VecDeque<(u64, Event)>,
    /// Which life of a consumer is active, and what it holds.
    pub active: Option<u64>,
    pub held: VecDeque<(u64, Event)>,
    pub lives: u64,
    /// Commands are refused until then.
    pub full_until: Duration,
    /// Nobody reaches the broker until then.
    pub away_until: Duration,
    pub book: Book,
    /// Which processes every event was delivered to.
    pub held_by: BTreeMap<String, BTreeSet<String>>,
    pub rejected: Vec<Rejection>,
    mailboxes: BTreeMap<String, mpsc::UnboundedSender<Command>>,
    done: BTreeSet<String>,
}

/// An event as a carrier publishes it.
#[derive(Clone, Debug)]
pub struct Event {
    pub body: Vec<u8>,
    pub routing_key: String,
    pub message_id: String,
    pub reference: String,
    pub deliveries: u64,
}

impl Broker {
    /// An event is stored.
    pub fn offer(&self, event: Event) {
        lock(&self.queues).events.push_back((0, event));
        self.changed.notify_waiters();
    }

    /// Where a gateway hears the commands of a call, each id once.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.queues).mailboxes.insert(subject.to_owned(), sender);
        receiver
    }

    pub fn fill_until(&self, until: Duration) {
        lock(&self.queues).full_until = until;
    }

    /// Nobody reaches it until then.
    pub fn away_until(&self, until: Duration) {
        lock(&self.queues).away_until = until;
        self.break_consumer();
    }

    pub fn is_away(&self, now: Duration) -> bool {
        lock(&self.queues).away_until > now
    }

    /// The active consumer's connection breaks.
    pub fn break_consumer(&self) {
        lock(&self.queues).end_life(None);
        self.changed.notify_waiters();
    }

    pub fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&lock(&self.queues).book)
    }

    /// How many processes an event was delivered to.
    pub fn lives_of(&self, message_id: &str) -> usize {
        lock(&self.queues).held_by.get(message_id).map_or(0, BTreeSet::len)
    }

    /// An operator replays what was rejected because too many died of it.
    pub fn replay_poison(&self) -> Vec<Event> {
        let poison = lock(&self.queues).rejected.extract_if(.., |r| r.reason == "poison").collect::<Vec<_>>();
        let original =
            |rejection: &Rejection, name: &str| rejection.original.get(name).cloned().unwrap_or_default();
        let events = poison.iter().map(|rejection| Event {
            body: rejection.body.clone(),
            routing_key: original(rejection, "routing_key"),
            message_id: original(rejection, "message_id"),
            reference: original(rejection, "reference"),
            deliveries: 0,
        });
        let events: Vec<Event> = events.collect();
        events.iter().for_each(|event| self.offer(event.clone()));
        events
    }

    pub fn rejected(&self) -> Vec<String> {
        lock(&self.queues).rejected.iter().map(|r| format!("{}: {}", r.reason, r.message)).collect()
    }

    /// Events that nobody took yet.
    pub fn waiting(&self) -> usize {
        let queues = lock(&self.queues);
        queues.events.len() + queues.held.len()
    }

    pub fn store(&self, message: &Message) {
        let mut queues = lock(&self.queues);
        queues.book.note(&Received {
            routing_key: message.routing_key.clone(),
            message_id: Some(message.id.clone()),
            correlation_id: Some(message.correlation_id.clone()),
            content_type: Some("application/cloudevents+json".into()),
            persistent: true,
            reference: Some(message.reference.clone()),
            body: message.body.clone().into_bytes(),
        });
        if let Some(command) = Command::read(message.body.as_bytes())
            && queues.done.insert(command.id.clone())
            && let Some(mailbox) = queues.mailboxes.get(&command.subject)
        {
            let _ = mailbox.send(command);
        }
    }
}

impl Queues {
    /// Ends the active life, if it is `life` or any: what it holds comes again, first.
    pub fn end_life(&mut self, life: Option<u64>) {
        if life.is_some() && self.active != life {
            return;
        }
        self.active = None;
        while let Some((_, mut event)) = self.held.pop_back() {
            event.deliveries += 1;
            self.events.push_front((0, event));
        }
    }
}
