//! The event queue, and the delivery count of each event.
//!
//! Events are delivered from the front, so one number describes a consumer session: its *reach*, the last position that
//! its prefetch window has ever covered. The delivery count of an event is the number of earlier sessions that reached it.

use super::backlog::Backlog;
use super::event::Event;
use super::record::{Key, encode};
use crate::embedded::disk::Change;
use common::ports::bus::Delivery;
use std::collections::BTreeMap;

pub struct Events {
    waiting: Backlog<Event>,
    next_position: u64,
    /// Reach by session number; the last session is the current one.
    sessions: BTreeMap<u64, u64>,
    prefetch: usize,
    /// Number of events, from the front, that the current session has received and not acknowledged.
    unacknowledged: usize,
    /// Number of events that the current session has acknowledged.
    acknowledged: u64,
}

/// Next delivery of the current session.
pub enum Next {
    Event(Delivery),
    /// The next event is past the reach that is known to be on disk; contains the current reach.
    NotDurable(u64),
    Nothing,
}

impl Events {
    pub fn new(limit: u64, prefetch: u16) -> Events {
        Events {
            waiting: Backlog::new(limit),
            next_position: 1,
            sessions: BTreeMap::new(),
            prefetch: usize::from(prefetch.max(1)),
            unacknowledged: 0,
            acknowledged: 0,
        }
    }

    pub fn recover_event(&mut self, position: u64, size: usize, event: Event) {
        self.waiting.push(position, size, event);
        self.next_position = position + 1;
    }

    pub fn recover_session(&mut self, number: u64, reach: u64) {
        self.sessions.insert(number, reach);
    }

    pub fn waiting(&self) -> &Backlog<Event> {
        &self.waiting
    }

    /// Number of events that the current session has not received.
    pub fn ready(&self) -> usize {
        self.waiting.len() - self.unacknowledged
    }

    /// Appends an event with its record for the disk. The caller checks the limit.
    pub fn push(&mut self, event: Event, record: Vec<u8>, changes: &mut Vec<Change>) {
        let position = self.next_position;
        self.next_position += 1;
        self.waiting.push(position, record.len(), event);
        changes.push(Change::Put { key: Key::Event(position).to_bytes(), value: record });
    }

    /// Ends the current session, or the last session of an earlier process: new events are outside its window.
    pub fn end(&mut self) {
        let reached = self.sessions.values().max().copied().unwrap_or(0);
        self.next_position = self.next_position.max(reached + 1);
        self.unacknowledged = 0;
    }

    /// Begins the next session: all unacknowledged events will be redelivered.
    pub fn begin(&mut self, changes: &mut Vec<Change>) {
        (self.unacknowledged, self.acknowledged) = (0, 0);
        self.prune_sessions(changes, false);
        let number = self.sessions.last_key_value().map_or(1, |(number, _)| number + 1);
        self.record_reach(number, changes);
    }

    /// Next event, if the reach that is on disk (`durable_reach`) includes it.
    pub fn next(&mut self, durable_reach: u64) -> Next {
        if self.unacknowledged == self.prefetch {
            return Next::Nothing;
        }
        let Some(entry) = self.waiting.get(self.unacknowledged) else { return Next::Nothing };
        let Some((current, reach)) = self.sessions.last_key_value() else { return Next::Nothing };
        if entry.position > durable_reach {
            return Next::NotDurable(*reach);
        }
        let earlier = self.sessions.range(..current).filter(|(_, reach)| **reach >= entry.position);
        let delivery_count = earlier.count() as u64;
        self.unacknowledged += 1;
        let tag = self.acknowledged + self.unacknowledged as u64;
        Next::Event(entry.item.clone().delivery(tag, delivery_count))
    }

    pub fn ack_through(&mut self, tag: u64, changes: &mut Vec<Change>) {
        let count = tag.saturating_sub(self.acknowledged).min(self.unacknowledged as u64);
        for _ in 0..count {
            let Some(entry) = self.waiting.pop() else { break };
            self.acknowledged += 1;
            self.unacknowledged -= 1;
            changes.push(Change::Delete { key: Key::Event(entry.position).to_bytes() });
        }
        if count > 0 {
            self.prune_sessions(changes, true);
            if let Some(current) = self.sessions.last_key_value().map(|(number, _)| *number) {
                self.record_reach(current, changes);
            }
        }
    }

    fn record_reach(&mut self, session: u64, changes: &mut Vec<Change>) {
        let window = self.prefetch;
        let reach = match self.waiting.get(window - 1) {
            Some(entry) => entry.position,
            None => self.next_position + (window - self.waiting.len()) as u64 - 1,
        };
        self.sessions.insert(session, reach);
        changes.push(Change::Put { key: Key::Session(session).to_bytes(), value: encode(&reach, b"") });
    }

    /// Removes sessions that reached none of the waiting events.
    fn prune_sessions(&mut self, changes: &mut Vec<Change>, keep_current: bool) {
        let first = self.waiting.first().unwrap_or(self.next_position);
        let current = self.sessions.last_key_value().map(|(number, _)| *number).filter(|_| keep_current);
        self.sessions.retain(|number, reach| {
            let keep = *reach >= first || Some(*number) == current;
            if !keep {
                changes.push(Change::Delete { key: Key::Session(*number).to_bytes() });
            }
            keep
        });
    }
}
