//! Rejected events: kept with their originals, listed, published again, removed.

use super::backlog::Backlog;
use super::events::Events;
use super::record::{Key, encode};
use super::{Bus, EVENTS, Event};
use crate::embedded::disk::Change;
use async_trait::async_trait;
use common::ports::bus::Rejection;
use common::ports::error::Unusable;
use common::ports::rejects::{Rejected, Rejects, Selection};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub struct Rejections {
    waiting: Backlog<Rejected>,
    next_position: u64,
}

#[derive(Serialize, Deserialize)]
pub struct Head {
    reason: String,
    message: String,
    original: BTreeMap<String, String>,
}

#[async_trait]
impl Rejects for Bus {
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable> {
        let (listed, written) = self.inner.change(|state, _| {
            state.rejections.waiting.iter().take(limit).map(|entry| entry.item.clone()).collect()
        });
        self.inner.settled("listing rejected events", written).await?;
        Ok(listed)
    }

    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable> {
        let (replayed, written) = self
            .inner
            .change(|state, changes| state.rejections.replay(selection, &mut state.events, changes));
        self.inner.settled("replaying rejected events", written).await?;
        replayed
    }

    async fn discard(&self, selection: &Selection) -> Result<usize, Unusable> {
        let (discarded, written) =
            self.inner.change(|state, changes| state.rejections.take(selection, changes).len());
        self.inner.settled("discarding rejected events", written).await?;
        Ok(discarded)
    }
}

impl Rejections {
    pub fn new(limit: u64) -> Rejections {
        Rejections { waiting: Backlog::new(limit), next_position: 1 }
    }

    pub fn recover(&mut self, position: u64, size: usize, head: Head, body: &[u8]) {
        let Head { reason, message, original } = head;
        self.waiting.push(position, size, Rejected { reason, message, body: body.to_vec(), original });
        self.next_position = position + 1;
    }

    pub fn waiting(&self) -> &Backlog<Rejected> {
        &self.waiting
    }

    /// Says whether there was room.
    pub fn keep(&mut self, rejection: Rejection, changes: &mut Vec<Change>) -> bool {
        let Rejection { reason, message, body, original } = rejection;
        let head = Head { reason, message, original };
        let record = encode(&head, &body);
        if !self.waiting.has_room(record.len()) {
            return false;
        }
        let position = self.next_position;
        self.recover(position, record.len(), head, &body);
        changes.push(Change::Put { key: Key::Rejection(position).to_bytes(), value: record });
        true
    }

    /// All of them become events again, or none.
    fn replay(
        &mut self,
        selection: &Selection,
        events: &mut Events,
        changes: &mut Vec<Change>,
    ) -> Result<usize, Unusable> {
        let chosen = self.waiting.iter().map(|entry| &entry.item).filter(|rejected| selection.has(rejected));
        let again: Vec<_> = chosen.map(|rejected| Event::from(rejected).with_record()).collect();
        let size = again.iter().map(|(_, record)| record.len()).sum();
        let queue = events.waiting();
        if !queue.has_room(size) {
            return Err(Unusable {
                what: format!("replaying {} rejected events of {size} bytes", again.len()),
                reason: format!(
                    "{EVENTS} holds {} bytes and takes {}: replay fewer, or again when a dispatcher has taken those",
                    queue.bytes(),
                    queue.limit()
                ),
            });
        }
        self.take(selection, changes);
        let count = again.len();
        again.into_iter().for_each(|(event, record)| events.push(event, record, changes));
        Ok(count)
    }

    fn take(&mut self, selection: &Selection, changes: &mut Vec<Change>) -> Vec<Rejected> {
        let taken = self.waiting.take(|rejected| selection.has(rejected));
        let delete = |position| Change::Delete { key: Key::Rejection(position).to_bytes() };
        changes.extend(taken.iter().map(|entry| delete(entry.position)));
        taken.into_iter().map(|entry| entry.item).collect()
    }
}
