//! A broker: one event queue with a single active consumer, gateways' queues, and its operator's actions.

use super::simulation::lock;
use crate::carrier::gateway::Command;
use crate::ledger::{Received, RunLog};
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
    /// The active consumer session, and the deliveries that it has not acknowledged.
    pub active: Option<u64>,
    pub held: VecDeque<(u64, Event)>,
    pub sessions: u64,
    /// Until then, commands are refused.
    pub full_until: Duration,
    /// End of the broker's outage.
    pub unreachable_until: Duration,
    pub run_log: RunLog,
    /// Processes that each event was delivered to, by message id.
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
    /// Stores an event.
    pub fn offer(&self, event: Event) {
        lock(&self.queues).events.push_back((0, event));
        self.changed.notify_waiters();
    }

    /// Opens a gateway's queue for the commands of a call; each command id arrives once.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.queues).mailboxes.insert(subject.to_owned(), sender);
        receiver
    }

    pub fn fill_until(&self, until: Duration) {
        lock(&self.queues).full_until = until;
    }

    /// Makes the broker unreachable until then.
    pub fn unreachable_until(&self, until: Duration) {
        lock(&self.queues).unreachable_until = until;
        self.break_consumer();
    }

    pub fn is_unreachable(&self, now: Duration) -> bool {
        lock(&self.queues).unreachable_until > now
    }

    /// Breaks the active consumer's connection.
    pub fn break_consumer(&self) {
        lock(&self.queues).end_session(None);
        self.changed.notify_waiters();
    }

    pub fn with_run_log<T>(&self, read: impl FnOnce(&RunLog) -> T) -> T {
        read(&lock(&self.queues).run_log)
    }

    /// Number of processes that an event was delivered to.
    pub fn processes_that_held(&self, message_id: &str) -> usize {
        lock(&self.queues).held_by.get(message_id).map_or(0, BTreeSet::len)
    }

    /// Replays the events that were rejected because too many processes died while they held them.
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

    /// Number of events that are not acknowledged yet.
    pub fn waiting(&self) -> usize {
        let queues = lock(&self.queues);
        queues.events.len() + queues.held.len()
    }

    pub fn store(&self, message: &Message) {
        let mut queues = lock(&self.queues);
        queues.run_log.note(&Received {
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
    /// Ends the active session if it is `session` or if `session` is `None`. Its unacknowledged events are redelivered first.
    pub fn end_session(&mut self, session: Option<u64>) {
        if session.is_some() && self.active != session {
            return;
        }
        self.active = None;
        while let Some((_, mut event)) = self.held.pop_back() {
            event.deliveries += 1;
            self.events.push_front((0, event));
        }
    }
}
