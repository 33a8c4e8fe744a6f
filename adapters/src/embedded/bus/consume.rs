//! The consumer session of the event queue: it delivers events and acknowledges them.
//!
//! An event is delivered only after the reach of this session on disk includes it: an event that crashes the process is
//! counted, however early the crash. The reach is ahead of the events, so a new event seldom waits for the disk.

use super::durable_position::DurablePosition;
use super::events::Next;
use super::shared::Inner;
use async_trait::async_trait;
use common::ports::bus::{Deliveries, Delivery};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;
use tokio::sync::watch::Receiver;

pub(super) struct Session {
    inner: Arc<Inner>,
    changed: Receiver<()>,
    reach: DurablePosition,
    _consumer: OwnedMutexGuard<()>,
}

impl Session {
    pub async fn begin(inner: Arc<Inner>) -> Session {
        let consumer = inner.consumer.clone().lock_owned().await;
        let changed = inner.changed.subscribe();
        inner.change(|state, changes| state.events.begin(changes));
        Session { inner, changed, reach: DurablePosition::default(), _consumer: consumer }
    }
}

#[async_trait]
impl Deliveries for Session {
    async fn next(&mut self) -> Option<Delivery> {
        loop {
            self.changed.mark_unchanged();
            let next = self.inner.state().events.next(self.reach.through());
            match next {
                Next::Event(delivery) => return Some(delivery),
                Next::NotDurable(reach) => self.reach.extend(&self.inner.disk, reach).await,
                // `inner` owns the sender, so this cannot fail.
                Next::Nothing => self.changed.changed().await.ok()?,
            }
        }
    }

    fn ack_through(&self, tag: u64) {
        self.inner.change(|state, changes| state.events.ack_through(tag, changes));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.inner.state().events.end();
    }
}
