//! One command queue: its commands, its reader, and whether it is set aside.
//!
//! A queue stalls while its oldest command is not acknowledged. If a stalled queue is full for longer than the idle limit,
//! it is set aside: it takes no more commands, so that it holds up nobody, until its reader has emptied half of it.

use super::backlog::Backlog;
use super::record::{Key, encode};
use super::topic;
use crate::embedded::disk::Change;
use common::command::Message;
use common::ports::commands::{CommandQueue, QueueCondition};
use metrics::counter;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Commands that a full queue refused.
pub const REFUSED: &str = "signalbox_queue_refused_total";
/// Commands that other queues took while the queue was set aside.
pub const MISSED: &str = "signalbox_queue_missed_total";
/// Minimum time between two warnings about the same queue.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

pub struct Queue {
    pub record: QueueRecord,
    pub waiting: Backlog<Message>,
    /// Number of the reader that owns the queue.
    pub reader: u64,
    /// Whether that reader is connected.
    pub is_read: bool,
    /// Time since which the oldest command waits to be acknowledged; `None` while the queue is empty.
    stalled: Option<Instant>,
    /// Whether the last command did not fit.
    is_full: bool,
    warned: Option<Instant>,
}

/// The stored part of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRecord {
    #[serde(flatten)]
    pub definition: Definition,
    /// Present while the queue is set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<SetAside>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    pub patterns: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Number of commands that other queues took and this one did not.
    #[serde(default)]
    pub missed: u64,
}

impl Queue {
    pub fn new(record: QueueRecord, limit: u64) -> Queue {
        Queue {
            record,
            waiting: Backlog::new(limit),
            reader: 0,
            is_read: false,
            stalled: None,
            is_full: false,
            warned: None,
        }
    }

    pub fn name(&self) -> &str {
        &self.record.definition.name
    }

    pub fn matches(&self, routing_key: &str) -> bool {
        self.record.definition.matches(routing_key)
    }

    pub fn is_set_aside(&self) -> bool {
        self.record.set_aside.is_some()
    }

    pub fn push(&mut self, position: u64, size: usize, message: Message, now: Instant) {
        self.stalled.get_or_insert(now);
        self.is_full = false;
        self.waiting.push(position, size, message);
    }

    /// Removes the commands up to `through`, and returns their positions.
    pub fn ack(&mut self, through: u64, now: Instant) -> Vec<u64> {
        let mut positions = Vec::new();
        while self.waiting.first().is_some_and(|position| position <= through) {
            positions.extend(self.waiting.pop().map(|entry| entry.position));
        }
        if !positions.is_empty() {
            self.is_full = false;
            self.stalled = (self.waiting.len() > 0).then_some(now);
        }
        positions
    }

    fn stalled_for(&self, now: Instant) -> Duration {
        self.stalled.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// A command did not fit. Sets the queue aside if it has stalled for longer than `idle_limit`; true if it is.
    pub fn overflow(&mut self, idle_limit: Duration, now: Instant) -> bool {
        let stalled = self.stalled_for(now);
        let is_idle = stalled > idle_limit;
        if is_idle {
            self.record.set_aside = Some(SetAside::default());
            tracing::error!(
                queue = self.name(),
                commands = self.waiting.len(),
                "command queue `{name}` is set aside: it is full and none of its commands was acknowledged for {} s \
                 (data.queue_idle_limit). It takes no more commands until its reader has emptied half of it. Commands \
                 for it alone wait in signalbox.unrouted. Nobody reads it? signalbox queue remove {name}",
                stalled.as_secs(),
                name = self.name(),
            );
            return true;
        }
        self.is_full = true;
        counter!(REFUSED, "queue" => self.name().to_owned()).increment(1);
        if self.warned.is_none_or(|at| now.saturating_duration_since(at) >= WARNING_INTERVAL) {
            self.warned = Some(now);
            tracing::warn!(
                queue = self.name(),
                commands = self.waiting.len(),
                "command queue `{name}` is full, and activeflows wait for it: acknowledge its commands, or remove it: \
                 signalbox queue remove {name}. It is set aside {} s after the last acknowledgement (data.queue_idle_limit)",
                idle_limit.as_secs(),
                name = self.name(),
            );
        }
        false
    }

    /// Another queue took a command that this one, set aside, did not take.
    pub fn miss(&mut self) {
        if let Some(aside) = &mut self.record.set_aside {
            aside.missed += 1;
            counter!(MISSED, "queue" => self.record.definition.name.clone()).increment(1);
        }
    }

    /// Ends the setting aside if half of the queue is empty; true if it ended.
    pub fn take_in(&mut self) -> bool {
        if self.waiting.bytes() > self.waiting.limit() / 2 {
            return false;
        }
        let Some(SetAside { missed }) = self.record.set_aside.take() else { return false };
        tracing::warn!(
            queue = self.name(),
            missed,
            "command queue `{}` takes commands again; while it was set aside, it missed {missed} commands that other queues took",
            self.name(),
        );
        true
    }

    pub fn change(&self, number: u32) -> Change {
        Change::Put { key: Key::Queue(number).to_bytes(), value: encode(&self.record, b"") }
    }

    pub fn status(&self, now: Instant) -> CommandQueue {
        let condition = match (&self.record.set_aside, self.is_full) {
            (Some(_), _) => QueueCondition::SetAside,
            (None, true) => QueueCondition::Full,
            (None, false) => QueueCondition::Open,
        };
        CommandQueue {
            name: self.name().to_owned(),
            patterns: self.record.definition.patterns.clone(),
            commands: self.waiting.len() as u64,
            bytes: self.waiting.bytes(),
            limit: self.waiting.limit(),
            is_read: self.is_read,
            stalled: self.stalled_for(now),
            condition,
            missed: self.record.set_aside.as_ref().map_or(0, |aside| aside.missed),
        }
    }
}

impl Definition {
    pub fn matches(&self, routing_key: &str) -> bool {
        self.patterns.iter().any(|pattern| topic::matches(pattern, routing_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::bus::record::decode;

    #[test]
    fn a_stored_queue_stays_readable() {
        const STORED: &[u8] = b"\x01\0\0\0\x23{\"name\":\"gateway\",\"patterns\":[\"#\"]}";
        let (record, _) = decode::<QueueRecord>(STORED).unwrap();
        let definition = Definition { name: "gateway".into(), patterns: vec!["#".into()] };
        assert_eq!(record, QueueRecord { definition, set_aside: None });
        assert_eq!(encode(&record, b""), STORED);
        let aside = QueueRecord { set_aside: Some(SetAside { missed: 3 }), ..record };
        assert_eq!(decode::<QueueRecord>(&encode(&aside, b"")).unwrap().0, aside);
    }
}
