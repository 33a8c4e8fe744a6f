//! One life of the consumer of the event queue.
//!
//! An event is handed out only when it is on the disk that this life reached it: one that kills the process is counted
//! however soon it does. The window moves ahead of the events, so that a new one seldom waits for that.

use super::Inner;
use super::events::Next;
use super::recorded::Recorded;
use async_trait::async_trait;
use common::ports::bus::{Deliveries, Delivery};
use std::sync::Arc;
use tokio::sync::OwnedMutexGuard;
use tokio::sync::watch::Receiver;

pub(super) struct Session {
    inner: Arc<Inner>,
    changed: Receiver<()>,
    reach: Recorded,
    _turn: OwnedMutexGuard<()>,
}

impl Session {
    pub async fn begin(inner: Arc<Inner>) -> Session {
        let turn = inner.consumer.clone().lock_owned().await;
        let changed = inner.changed.subscribe();
        inner.change(|state, changes| state.events.begin(changes));
        Session { inner, changed, reach: Recorded::default(), _turn: turn }
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
                Next::Unrecorded(reach) => self.reach.extend(&self.inner.disk, reach).await,
                // The sender is in `inner`.
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
