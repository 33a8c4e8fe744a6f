//! The queue of rejected events.

use super::backlog::Backlog;
use super::event::Event;
use super::events::Events;
use super::names::EVENTS;
use super::record::{Key, encode};
use crate::embedded::disk::Change;
use common::ports::bus::Rejection;
use common::ports::error::Unusable;
use common::ports::rejects::{Rejected, Selection};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub struct Rejections {
    waiting: Backlog<Rejected>,
    next_position: u64,
}

/// Stored fields of a rejection; the body follows them in the record.
#[derive(Serialize, Deserialize)]
pub struct RejectionHeader {
    /// Missing in records of earlier releases.
    #[serde(default)]
    id: String,
    reason: String,
    message: String,
    original: BTreeMap<String, String>,
}

impl Rejections {
    pub fn new(limit: u64) -> Rejections {
        Rejections { waiting: Backlog::new(limit), next_position: 1 }
    }

    pub fn recover(&mut self, position: u64, size: usize, header: RejectionHeader, body: &[u8]) {
        let RejectionHeader { id, reason, message, original } = header;
        let id = if id.is_empty() { format!("position-{position}") } else { id };
        let rejected = Rejected { id, reason, message, body: body.to_vec(), size: body.len(), original };
        self.waiting.push(position, size, rejected);
        self.next_position = position + 1;
    }

    pub fn waiting(&self) -> &Backlog<Rejected> {
        &self.waiting
    }

    /// Returns false if the queue is full.
    pub fn store(&mut self, rejection: Rejection, changes: &mut Vec<Change>) -> bool {
        let Rejection { id, reason, message, body, original } = rejection;
        let header = RejectionHeader { id, reason, message, original };
        let record = encode(&header, &body);
        if !self.waiting.has_room(record.len()) {
            return false;
        }
        let position = self.next_position;
        self.recover(position, record.len(), header, &body);
        changes.push(Change::Put { key: Key::Rejection(position).to_bytes(), value: record });
        true
    }

    /// Returns all selected events to the event queue, or none if it has too little room.
    pub fn replay(
        &mut self,
        selection: &Selection,
        events: &mut Events,
        changes: &mut Vec<Change>,
    ) -> Result<usize, Unusable> {
        let chosen = self.waiting.iter().map(|entry| &entry.item).filter(|rejected| selection.has(rejected));
        let replayed: Vec<_> = chosen.map(|rejected| Event::from(rejected).with_record()).collect();
        let size = replayed.iter().map(|(_, record)| record.len()).sum();
        let queue = events.waiting();
        if !queue.has_room(size) {
            return Err(Unusable {
                what: format!("replaying {} rejected events of {size} bytes", replayed.len()),
                reason: format!(
                    "{EVENTS} contains {} of at most {} bytes: replay fewer events, or retry after the dispatcher has consumed some",
                    queue.bytes(),
                    queue.limit()
                ),
            });
        }
        self.take(selection, changes);
        let count = replayed.len();
        replayed.into_iter().for_each(|(event, record)| events.push(event, record, changes));
        Ok(count)
    }

    /// Removes the selected events.
    pub fn take(&mut self, selection: &Selection, changes: &mut Vec<Change>) -> Vec<Rejected> {
        let taken = self.waiting.take(|rejected| selection.has(rejected));
        let delete = |position| Change::Delete { key: Key::Rejection(position).to_bytes() };
        changes.extend(taken.iter().map(|entry| delete(entry.position)));
        taken.into_iter().map(|entry| entry.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::bus::record::decode;

    #[test]
    fn a_rejection_of_an_earlier_release_gets_an_id_from_its_position() {
        let stored = encode(
            &serde_json::json!({ "reason": "too_deep", "message": "m", "original": { "message_id": "e1" } }),
            b"{}",
        );
        let (header, body) = decode::<RejectionHeader>(&stored).unwrap();
        let mut rejections = Rejections::new(1_000);
        rejections.recover(7, stored.len(), header, body);
        let entry = &rejections.waiting().iter().next().unwrap().item;
        assert_eq!((entry.id.as_str(), entry.size), ("position-7", 2));
        let selection = |id: &str| Selection::Ids([id.to_owned()].into());
        assert!(selection("position-7").has(entry) && selection("e1").has(entry));
    }
}
