//! Command queues: which there are, what each takes, and what lies in it. What no queue takes is kept in
//! [`UNROUTED`], oldest dropped first, until a queue is opened that takes it.

use super::backlog::Backlog;
use super::record::{Key, encode};
use super::topic;
use crate::embedded::disk::Change;
use common::command::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub const UNROUTED: &str = "signalbox.unrouted";
/// Its number; those of queues follow.
const UNROUTED_NUMBER: u32 = 0;

pub struct Queues {
    by_number: BTreeMap<u32, Queue>,
    unrouted: Backlog<Message>,
    /// Of all commands that there ever were, in whatever queue, so that a position means one command for ever.
    last_position: u64,
    queue_limit: u64,
    /// Of all queues, so that a reader of one that was removed is none of its successor.
    last_reader: u64,
    /// Activeflows that were refused a command and have not heard of it yet, and how many of their commands.
    refused: BTreeMap<String, usize>,
}

pub struct Queue {
    pub definition: Definition,
    pub waiting: Backlog<Message>,
    /// Which reader it belongs to.
    pub reader: u64,
    /// It is full, and that was told.
    is_told: bool,
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
                None => return Err(format!("is in queue {number}, which is not there")),
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

    /// Puts a copy into every queue that takes it, or into none: `Err` names the one that is full. Says how many
    /// unrouted ones had to go.
    pub fn publish(&mut self, message: &Message, changes: &mut Vec<Change>) -> Result<u64, String> {
        let record = encode(message, b"");
        let takes = |queue: &Queue| queue.definition.takes(&message.routing_key);
        let full = self.all().find(|queue| takes(queue) && !queue.waiting.has_room(record.len()));
        let full = full.map(|queue| queue.definition.name.clone());
        if let Some(queue) = full.as_ref().and_then(|name| self.get_mut(name)) {
            queue.tell_full();
        }
        let refused = match full {
            Some(name) => Some(name),
            None if self.refused.contains_key(&message.correlation_id) => {
                Some("an earlier command of this activeflow".into())
            }
            None => None,
        };
        if let Some(by) = refused {
            return Err(by);
        }
        let numbers: Vec<u32> =
            self.by_number.iter().filter(|(_, queue)| takes(queue)).map(|(number, _)| *number).collect();
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

    /// A command of this activeflow is refused. Until its publisher has [`heard`](Queues::heard) of it, what follows is
    /// refused too: a smaller command, or one for which there is room again, does not overtake it.
    pub fn refuse(&mut self, activeflow: &str) {
        *self.refused.entry(activeflow.to_owned()).or_default() += 1;
    }

    pub fn heard(&mut self, activeflow: &str) {
        if let Some(count) = self.refused.get_mut(activeflow) {
            *count -= 1;
            if *count == 0 {
                self.refused.remove(activeflow);
            }
        }
    }

    /// Makes the queue, or gives it new patterns, and hands it what was unrouted and fits, whatever its limit.
    /// Answers with the number of its new reader.
    pub fn open(&mut self, definition: Definition, changes: &mut Vec<Change>) -> u64 {
        let present = self.by_number.iter().find(|(_, queue)| queue.definition.name == definition.name);
        let number = match present {
            Some((number, _)) => *number,
            None => self.by_number.last_key_value().map_or(UNROUTED_NUMBER, |(number, _)| *number) + 1,
        };
        changes.push(Change::Put { key: Key::Queue(number).to_bytes(), value: encode(&definition, b"") });
        let fitting = self.unrouted.take(|message| definition.takes(&message.routing_key));
        let limit = self.queue_limit;
        let queue = self.by_number.entry(number).or_insert_with(|| Queue::new(definition.clone(), limit));
        queue.definition = definition;
        self.last_reader += 1;
        queue.reader = self.last_reader;
        let reader = queue.reader;
        for entry in fitting {
            changes.push(delete(UNROUTED_NUMBER, entry.position));
            let record = encode(&entry.item, b"");
            self.put(number, entry.item, record, changes);
        }
        reader
    }

    /// Answers how many wait still; `None`: there is no such queue.
    pub fn ack(&mut self, name: &str, through: u64, changes: &mut Vec<Change>) -> Option<usize> {
        let (number, queue) = self.by_number.iter_mut().find(|(_, queue)| queue.definition.name == name)?;
        while queue.waiting.first().is_some_and(|position| position <= through) {
            let Some(entry) = queue.waiting.pop() else { break };
            changes.push(delete(*number, entry.position));
        }
        Some(queue.waiting.len())
    }

    /// Removes the queue with what lies in it; answers how many commands that were, `None` if it is not there.
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
                queue.is_told = false;
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
        Queue { definition, waiting: Backlog::new(limit), reader: 0, is_told: false }
    }

    /// Once, until there is room again: activeflows whose commands it takes stand still meanwhile.
    fn tell_full(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            let name = &self.definition.name;
            tracing::warn!(
                queue = name,
                "Command queue `{name}` is full: whoever speaks to it waits. Read and acknowledge it, or remove it: DELETE /v1/commands?queue={name}"
            );
        }
    }
}

impl Definition {
    fn takes(&self, routing_key: &str) -> bool {
        self.patterns.iter().any(|pattern| topic::matches(pattern, routing_key))
    }
}

fn delete(queue: u32, position: u64) -> Change {
    Change::Delete { key: Key::Command { queue, position }.to_bytes() }
}
