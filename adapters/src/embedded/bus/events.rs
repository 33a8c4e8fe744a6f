//! The event queue: which events wait, and how often each has been handed out.
//!
//! Events are handed out from the front, so a life of a consumer is told by one number: its *reach*, the last position
//! that its prefetch window has ever covered. How often an event was handed out before is the number of earlier lives
//! that reached it.

use super::Event;
use super::backlog::Backlog;
use super::record::{Key, encode};
use crate::embedded::disk::Change;
use common::ports::bus::Delivery;
use std::collections::BTreeMap;

pub struct Events {
    waiting: Backlog<Event>,
    next_position: u64,
    /// The reach of each life; the last one is the current one.
    lives: BTreeMap<u64, u64>,
    prefetch: usize,
    /// So many, from the front, are handed out in the current life and not acknowledged.
    handed_out: usize,
    /// So many were acknowledged in the current life.
    acknowledged: u64,
}

/// What the current life may have next.
pub enum Next {
    Event(Delivery),
    /// There is one, at a position that this life may not be recorded to have reached: the last such position.
    Unrecorded(u64),
    Nothing,
}

impl Events {
    pub fn new(limit: u64, prefetch: u16) -> Events {
        Events {
            waiting: Backlog::new(limit),
            next_position: 1,
            lives: BTreeMap::new(),
            prefetch: usize::from(prefetch.max(1)),
            handed_out: 0,
            acknowledged: 0,
        }
    }

    pub fn recover_event(&mut self, position: u64, size: usize, event: Event) {
        self.waiting.push(position, size, event);
        self.next_position = position + 1;
    }

    pub fn recover_life(&mut self, number: u64, reach: u64) {
        self.lives.insert(number, reach);
    }

    pub fn waiting(&self) -> &Backlog<Event> {
        &self.waiting
    }

    /// How many the current life does not hold.
    pub fn ready(&self) -> usize {
        self.waiting.len() - self.handed_out
    }

    /// `record` is the bytes of its record on the disk. The limit is the caller's business.
    pub fn push(&mut self, event: Event, record: Vec<u8>, changes: &mut Vec<Change>) {
        let position = self.next_position;
        self.next_position += 1;
        self.waiting.push(position, record.len(), event);
        changes.push(Change::Put { key: Key::Event(position).to_bytes(), value: record });
    }

    /// The life is over, or that of an earlier process: what comes from now on is in nobody's window.
    pub fn end(&mut self) {
        let reached = self.lives.values().max().copied().unwrap_or(0);
        self.next_position = self.next_position.max(reached + 1);
        self.handed_out = 0;
    }

    /// The next life: everything that is not acknowledged comes again.
    pub fn begin(&mut self, changes: &mut Vec<Change>) {
        (self.handed_out, self.acknowledged) = (0, 0);
        self.forget_lives(changes, false);
        let number = self.lives.last_key_value().map_or(1, |(number, _)| number + 1);
        self.record_reach(number, changes);
    }

    /// `recorded`: the reach of this life that is on the disk for sure.
    pub fn next(&mut self, recorded: u64) -> Next {
        if self.handed_out == self.prefetch {
            return Next::Nothing;
        }
        let Some(entry) = self.waiting.get(self.handed_out) else { return Next::Nothing };
        let Some((current, reach)) = self.lives.last_key_value() else { return Next::Nothing };
        if entry.position > recorded {
            return Next::Unrecorded(*reach);
        }
        let earlier = self.lives.range(..current).filter(|(_, reach)| **reach >= entry.position);
        let delivery_count = earlier.count() as u64;
        self.handed_out += 1;
        let tag = self.acknowledged + self.handed_out as u64;
        Next::Event(entry.item.clone().delivery(tag, delivery_count))
    }

    pub fn ack_through(&mut self, tag: u64, changes: &mut Vec<Change>) {
        let count = tag.saturating_sub(self.acknowledged).min(self.handed_out as u64);
        for _ in 0..count {
            let Some(entry) = self.waiting.pop() else { break };
            self.acknowledged += 1;
            self.handed_out -= 1;
            changes.push(Change::Delete { key: Key::Event(entry.position).to_bytes() });
        }
        if count > 0 {
            self.forget_lives(changes, true);
            if let Some(current) = self.lives.last_key_value().map(|(number, _)| *number) {
                self.record_reach(current, changes);
            }
        }
    }

    fn record_reach(&mut self, life: u64, changes: &mut Vec<Change>) {
        let window = self.prefetch;
        let reach = match self.waiting.get(window - 1) {
            Some(entry) => entry.position,
            None => self.next_position + (window - self.waiting.len()) as u64 - 1,
        };
        self.lives.insert(life, reach);
        changes.push(Change::Put { key: Key::Session(life).to_bytes(), value: encode(&reach, b"") });
    }

    /// Lives that reached nothing of what waits.
    fn forget_lives(&mut self, changes: &mut Vec<Change>, but_the_last: bool) {
        let first = self.waiting.first().unwrap_or(self.next_position);
        let last = self.lives.last_key_value().map(|(number, _)| *number).filter(|_| but_the_last);
        self.lives.retain(|number, reach| {
            let keep = *reach >= first || Some(*number) == last;
            if !keep {
                changes.push(Change::Delete { key: Key::Session(*number).to_bytes() });
            }
            keep
        });
    }
}
