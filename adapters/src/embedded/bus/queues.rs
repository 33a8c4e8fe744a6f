//! Command queues with their patterns and commands. Commands that match no queue wait in [`UNROUTED`](super::names::UNROUTED)
//! until a matching queue is opened; if it is full, the oldest are dropped.

use super::backlog::Backlog;
use super::record::{Key, encode};
use super::topic;
use crate::embedded::disk::Change;
use common::command::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of the queue of unrouted commands; command queues start at the next number.
const UNROUTED_NUMBER: u32 = 0;

pub struct Queues {
    by_number: BTreeMap<u32, Queue>,
    unrouted: Backlog<Message>,
    /// Last position over all queues. Positions are never reused.
    last_position: u64,
    /// Maximum size of each command queue in bytes.
    queue_limit: u64,
    /// Last reader number over all queues. A reader of a deleted queue cannot read a new queue of the same name.
    last_reader: u64,
    /// Number of refused commands per activeflow whose publisher has not received the result yet.
    refused: BTreeMap<String, usize>,
}

pub struct Queue {
    pub definition: Definition,
    pub waiting: Backlog<Message>,
    /// Number of the reader that owns the queue.
    pub reader: u64,
    /// Whether the warning that the queue is full was logged.
    is_full_logged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub name: String,
    pub patterns: Vec<String>,
}

impl Queues {
    pub fn new(queue_limit: u64, unrouted_limit: u64) -> Queues {
        Queues {
            by_number: BTreeMap::new(),
            unrouted: Backlog::new(unrouted_limit),
            last_position: 0,
            queue_limit,
            last_reader: 0,
            refused: BTreeMap::new(),
        }
    }

    pub fn recover_queue(&mut self, number: u32, definition: Definition) {
        self.by_number.insert(number, Queue::new(definition, self.queue_limit));
    }

    /// # Errors
    /// There is no such queue.
    pub fn recover_command(
        &mut self,
        number: u32,
        position: u64,
        size: usize,
        message: Message,
    ) -> Result<(), String> {
        self.recover_last(position);
        let waiting = match number {
            UNROUTED_NUMBER => &mut self.unrouted,
            _ => match self.by_number.get_mut(&number) {
                Some(queue) => &mut queue.waiting,
                None => return Err(format!("is in queue {number}, which does not exist")),
            },
        };
        waiting.push(position, size, message);
        Ok(())
    }

    pub fn recover_last(&mut self, position: u64) {
        self.last_position = self.last_position.max(position);
    }

    pub fn last_position(&self) -> u64 {
        self.last_position
    }

    pub fn unrouted(&self) -> &Backlog<Message> {
        &self.unrouted
    }

    pub fn all(&self) -> impl Iterator<Item = &Queue> {
        self.by_number.values()
    }

    pub fn get(&self, name: &str) -> Option<&Queue> {
        self.all().find(|queue| queue.definition.name == name)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Queue> {
        self.by_number.values_mut().find(|queue| queue.definition.name == name)
    }

    /// Puts a copy into every matching queue. Returns the number of unrouted commands that were dropped.
    ///
    /// # Errors
    /// A matching queue is full (the error names it), or an earlier command of the activeflow was refused. Then no
    /// queue has a copy.
    pub fn publish(&mut self, message: &Message, changes: &mut Vec<Change>) -> Result<u64, String> {
        let record = encode(message, b"");
        let matches = |queue: &Queue| queue.definition.matches(&message.routing_key);
        let full = self.all().find(|queue| matches(queue) && !queue.waiting.has_room(record.len()));
        let full = full.map(|queue| queue.definition.name.clone());
        if let Some(queue) = full.as_ref().and_then(|name| self.get_mut(name)) {
            queue.log_full();
        }
        let refused = match full {
            Some(name) => Some(name),
            None if self.refused.contains_key(&message.correlation_id) => {
                Some("an earlier command of this activeflow".into())
            }
            None => None,
        };
        if let Some(reason) = refused {
            return Err(reason);
        }
        let numbers: Vec<u32> =
            self.by_number.iter().filter(|(_, queue)| matches(queue)).map(|(number, _)| *number).collect();
        for number in &numbers {
            self.put(*number, message.clone(), record.clone(), changes);
        }
        if !numbers.is_empty() {
            return Ok(0);
        }
        let mut dropped = 0;
        while !self.unrouted.has_room(record.len()) {
            let Some(oldest) = self.unrouted.pop() else { return Ok(dropped + 1) };
            changes.push(delete(UNROUTED_NUMBER, oldest.position));
            dropped += 1;
        }
        self.put(UNROUTED_NUMBER, message.clone(), record, changes);
        Ok(dropped)
    }

    /// Records that a command of this activeflow was refused. Later commands of it are refused too until
    /// [`end_refusal`](Queues::end_refusal), so that none overtakes the refused one.
    pub fn refuse(&mut self, activeflow: &str) {
        *self.refused.entry(activeflow.to_owned()).or_default() += 1;
    }

    /// Ends one refusal: its publisher has received the result.
    pub fn end_refusal(&mut self, activeflow: &str) {
        if let Some(count) = self.refused.get_mut(activeflow) {
            *count -= 1;
            if *count == 0 {
                self.refused.remove(activeflow);
            }
        }
    }

    /// Creates the queue or replaces its patterns, and moves matching unrouted commands into it, regardless of its limit.
    /// Returns the number of the new reader.
    pub fn open(&mut self, definition: Definition, changes: &mut Vec<Change>) -> u64 {
        let present = self.by_number.iter().find(|(_, queue)| queue.definition.name == definition.name);
        let number = match present {
            Some((number, _)) => *number,
            None => self.by_number.last_key_value().map_or(UNROUTED_NUMBER, |(number, _)| *number) + 1,
        };
        changes.push(Change::Put { key: Key::Queue(number).to_bytes(), value: encode(&definition, b"") });
        let matching = self.unrouted.take(|message| definition.matches(&message.routing_key));
        let limit = self.queue_limit;
        let queue = self.by_number.entry(number).or_insert_with(|| Queue::new(definition.clone(), limit));
        queue.definition = definition;
        self.last_reader += 1;
        queue.reader = self.last_reader;
        let reader = queue.reader;
        for entry in matching {
            changes.push(delete(UNROUTED_NUMBER, entry.position));
            let record = encode(&entry.item, b"");
            self.put(number, entry.item, record, changes);
        }
        reader
    }

    /// Returns the number of commands that remain; `None` if the queue does not exist.
    pub fn ack(&mut self, name: &str, through: u64, changes: &mut Vec<Change>) -> Option<usize> {
        let (number, queue) = self.by_number.iter_mut().find(|(_, queue)| queue.definition.name == name)?;
        while queue.waiting.first().is_some_and(|position| position <= through) {
            let Some(entry) = queue.waiting.pop() else { break };
            changes.push(delete(*number, entry.position));
        }
        Some(queue.waiting.len())
    }

    /// Deletes the queue with its commands. Returns the number of commands; `None` if the queue does not exist.
    pub fn delete(&mut self, name: &str, changes: &mut Vec<Change>) -> Option<usize> {
        let (number, _) = self.by_number.iter().find(|(_, queue)| queue.definition.name == name)?;
        let number = *number;
        let queue = self.by_number.remove(&number)?;
        changes.push(Change::Delete { key: Key::Queue(number).to_bytes() });
        changes.extend(queue.waiting.iter().map(|entry| delete(number, entry.position)));
        Some(queue.waiting.len())
    }

    fn put(&mut self, number: u32, message: Message, record: Vec<u8>, changes: &mut Vec<Change>) {
        let waiting = match self.by_number.get_mut(&number) {
            Some(queue) => {
                queue.is_full_logged = false;
                &mut queue.waiting
            }
            None => &mut self.unrouted,
        };
        self.last_position += 1;
        let position = self.last_position;
        waiting.push(position, record.len(), message);
        changes.push(Change::Put { key: Key::LastCommand.to_bytes(), value: encode(&position, b"") });
        changes.push(Change::Put { key: Key::Command { queue: number, position }.to_bytes(), value: record });
    }
}

impl Queue {
    fn new(definition: Definition, limit: u64) -> Queue {
        Queue { definition, waiting: Backlog::new(limit), reader: 0, is_full_logged: false }
    }

    /// Logs once until a command fits again. Activeflows that send commands to this queue wait.
    fn log_full(&mut self) {
        if !std::mem::replace(&mut self.is_full_logged, true) {
            let name = &self.definition.name;
            tracing::warn!(
                queue = name,
                "command queue `{name}` is full and activeflows wait for it: acknowledge its commands, or delete it with DELETE /v1/commands?queue={name}"
            );
        }
    }
}

impl Definition {
    fn matches(&self, routing_key: &str) -> bool {
        self.patterns.iter().any(|pattern| topic::matches(pattern, routing_key))
    }
}

fn delete(queue: u32, position: u64) -> Change {
    Change::Delete { key: Key::Command { queue, position }.to_bytes() }
}
