//! The state that all parts of the bus share, and its connection to the disk.

use super::events::Events;
use super::queues::Queues;
use super::rejected::Rejections;
use crate::embedded::disk::{Change, Disk, DiskError, PendingWrite};
use common::ports::bus::Confirm;
use common::ports::error::{BusError, Unusable};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch::Sender;

pub(super) struct Inner {
    pub disk: Arc<Disk>,
    pub confirm_timeout: Duration,
    pub state: Mutex<State>,
    /// Notifies waiting consumers and readers of every change.
    pub changed: Sender<()>,
    /// Lock held by the consumer of the event queue: there is one at a time.
    pub consumer: Arc<tokio::sync::Mutex<()>>,
    /// Bytes of all queues.
    pub bytes: Arc<AtomicU64>,
}

pub(super) struct State {
    pub events: Events,
    pub queues: Queues,
    pub rejections: Rejections,
}

impl State {
    pub fn bytes(&self) -> u64 {
        self.events.waiting().bytes() + self.queues.bytes() + self.rejections.waiting().bytes()
    }
}

impl Inner {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state. Changes reach the disk in the order of the calls.
    pub fn change<T>(&self, change: impl FnOnce(&mut State, &mut Vec<Change>) -> T) -> (T, PendingWrite) {
        let mut state = self.state();
        let mut changes = Vec::new();
        let outcome = change(&mut state, &mut changes);
        let is_changed = !changes.is_empty();
        if is_changed {
            self.bytes.store(state.bytes(), Ordering::Relaxed);
        }
        let written = self.disk.write(changes);
        drop(state);
        if is_changed {
            self.changed.send_replace(());
        }
        (outcome, written)
    }

    /// Refuses messages while the disk fails: unwritten messages would fill the memory.
    pub fn check_disk(&self, to: &str) -> Result<(), BusError> {
        let unconfirmed = |reason| BusError::Unconfirmed { to: to.to_owned(), reason };
        self.disk.write_error().map_or(Ok(()), |reason| Err(unconfirmed(reason)))
    }

    /// Puts a message into queue `to`. `push` returns false if the queue is full.
    pub fn store(&self, to: &str, push: impl FnOnce(&mut State, &mut Vec<Change>) -> bool) -> Confirm {
        let disk = self.check_disk(to);
        let (outcome, written) = self.change(|state, changes| {
            disk.and_then(|()| if push(state, changes) { Ok(()) } else { Err(nacked(to)) })
        });
        self.confirm(to, written, outcome)
    }

    pub fn confirm(&self, to: &str, written: PendingWrite, outcome: Result<(), BusError>) -> Confirm {
        let (to, limit) = (to.to_owned(), self.confirm_timeout);
        Box::pin(async move {
            durable(written, limit)
                .await
                .map_err(|error| BusError::Unconfirmed { to, reason: error.reason })
                .and(outcome)
        })
    }

    pub async fn wait_durable(&self, what: &str, written: PendingWrite) -> Result<(), Unusable> {
        let settled = durable(written, self.confirm_timeout).await;
        settled.map_err(|error| Unusable { what: what.to_owned(), reason: error.to_string() })
    }
}

pub(super) fn nacked(to: &str) -> BusError {
    BusError::Nacked { to: to.to_owned() }
}

async fn durable(written: PendingWrite, limit: Duration) -> Result<(), DiskError> {
    match tokio::time::timeout(limit, written.durable()).await {
        Ok(durable) => durable,
        Err(_) => Err(DiskError { reason: format!("no answer within {} ms", limit.as_millis()) }),
    }
}
