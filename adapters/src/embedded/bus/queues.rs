//! The command queues. Commands that match no queue wait in [`UNROUTED`](super::names::UNROUTED) until a matching queue is
//! opened; if it is full, the oldest are dropped.

use super::backlog::Backlog;
use super::queue::{Definition, Queue, QueueRecord};
use super::record::{Key, encode};
use crate::embedded::disk::Change;
use common::command::Message;
use common::ports::commands::CommandQueue;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Number of the queue of unrouted commands; command queues start at the next number.
const UNROUTED_NUMBER: u32 = 0;

pub struct Queues {
    by_number: BTreeMap<u32, Queue>,
    unrouted: Backlog<Message>,
    /// Last position over all queues. Positions are never reused.
    last_position: u64,
    limits: Limits,
    /// Last reader number over all queues. A reader of a deleted queue cannot read a new queue of the same name.
    last_reader: u64,
    /// Number of refused commands per activeflow whose publisher has not received the result yet.
    refused: BTreeMap<String, usize>,
}

#[derive(Clone, Copy)]
pub struct Limits {
    /// Maximum size of each command queue in bytes.
    pub queue: u64,
    /// Maximum size of the queue of unrouted commands in bytes.
    pub unrouted: u64,
    /// Time without an acknowledgement after which a full queue is set aside.
    pub idle: Duration,
}

impl Queues {
    pub fn new(limits: Limits) -> Queues {
        Queues {
            by_number: BTreeMap::new(),
            unrouted: Backlog::new(limits.unrouted),
            last_position: 0,
            limits,
            last_reader: 0,
            refused: BTreeMap::new(),
        }
    }

    pub fn recover_queue(&mut self, number: u32, record: QueueRecord) {
        self.by_number.insert(number, Queue::new(record, self.limits.queue));
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
        match (number, self.by_number.get_mut(&number)) {
            (UNROUTED_NUMBER, _) => self.unrouted.push(position, size, message),
            (_, Some(queue)) => queue.push(position, size, message, Instant::now()),
            (_, None) => return Err(format!("is in queue {number}, which does not exist")),
        }
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

    /// Bytes of all commands.
    pub fn bytes(&self) -> u64 {
        self.unrouted.bytes() + self.all().map(|queue| queue.waiting.bytes()).sum::<u64>()
    }

    pub fn all(&self) -> impl Iterator<Item = &Queue> {
        self.by_number.values()
    }

    pub fn get(&self, name: &str) -> Option<&Queue> {
        self.all().find(|queue| queue.name() == name)
    }

    pub fn list(&self, now: Instant) -> Vec<CommandQueue> {
        self.all().map(|queue| queue.status(now)).collect()
    }

    /// Puts a copy into every matching queue that is not set aside. Returns the number of unrouted commands that were
    /// dropped.
    ///
    /// # Errors
    /// A matching queue is full (the error names it), or an earlier command of the activeflow was refused. Then no
    /// queue has a copy.
    pub fn publish(
        &mut self,
        message: &Message,
        now: Instant,
        changes: &mut Vec<Change>,
    ) -> Result<u64, String> {
        let record = encode(message, b"");
        let mut takers = Vec::new();
        let mut missing = Vec::new();
        for (number, queue) in
            self.by_number.iter_mut().filter(|(_, queue)| queue.matches(&message.routing_key))
        {
            let is_full = !queue.is_set_aside() && !queue.waiting.has_room(record.len());
            if is_full && !queue.overflow(self.limits.idle, now) {
                return Err(queue.name().to_owned());
            }
            if is_full {
                changes.push(queue.change(*number));
            }
            if queue.is_set_aside() { missing.push(*number) } else { takers.push(*number) }
        }
        if self.refused.contains_key(&message.correlation_id) {
            return Err("an earlier command of this activeflow".into());
        }
        if takers.is_empty() {
            return Ok(self.put_unrouted(message, record, now, changes));
        }
        for number in missing {
            if let Some(queue) = self.by_number.get_mut(&number) {
                queue.miss();
                changes.push(queue.change(number));
            }
        }
        for number in takers {
            self.put(number, message.clone(), record.clone(), now, changes);
        }
        Ok(0)
    }

    /// Returns the number of commands that were dropped for it.
    fn put_unrouted(
        &mut self,
        message: &Message,
        record: Vec<u8>,
        now: Instant,
        changes: &mut Vec<Change>,
    ) -> u64 {
        let mut dropped = 0;
        while !self.unrouted.has_room(record.len()) {
            let Some(oldest) = self.unrouted.pop() else { return dropped + 1 };
            changes.push(delete(UNROUTED_NUMBER, oldest.position));
            dropped += 1;
        }
        self.put(UNROUTED_NUMBER, message.clone(), record, now, changes);
        dropped
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

    /// Creates the queue or replaces its patterns, and moves matching unrouted commands into it, regardless of its limit,
    /// unless it is set aside. Returns the number of the new reader.
    pub fn open(&mut self, definition: Definition, now: Instant, changes: &mut Vec<Change>) -> u64 {
        let present = self.by_number.iter().find(|(_, queue)| queue.name() == definition.name);
        let number = match present {
            Some((number, _)) => *number,
            None => self.by_number.last_key_value().map_or(UNROUTED_NUMBER, |(number, _)| *number) + 1,
        };
        let limit = self.limits.queue;
        let queue = self.by_number.entry(number).or_insert_with(|| {
            Queue::new(QueueRecord { definition: definition.clone(), set_aside: None }, limit)
        });
        queue.record.definition = definition;
        queue.take_in();
        self.last_reader += 1;
        queue.reader = self.last_reader;
        queue.is_read = true;
        let reader = queue.reader;
        changes.push(queue.change(number));
        self.move_unrouted(number, now, changes);
        reader
    }

    /// The reader with this number disconnected.
    pub fn close(&mut self, reader: u64) {
        if let Some(queue) = self.by_number.values_mut().find(|queue| queue.reader == reader) {
            queue.is_read = false;
        }
    }

    /// Moves matching unrouted commands into the queue, unless it is set aside.
    fn move_unrouted(&mut self, number: u32, now: Instant, changes: &mut Vec<Change>) {
        let Some(queue) = self.by_number.get(&number).filter(|queue| !queue.is_set_aside()) else { return };
        for entry in self.unrouted.take(|message| queue.matches(&message.routing_key)) {
            changes.push(delete(UNROUTED_NUMBER, entry.position));
            let record = encode(&entry.item, b"");
            self.put(number, entry.item, record, now, changes);
        }
    }

    /// Returns the number of commands that remain; `None` if the queue does not exist.
    pub fn ack(
        &mut self,
        name: &str,
        through: u64,
        now: Instant,
        changes: &mut Vec<Change>,
    ) -> Option<usize> {
        let (number, queue) = self.by_number.iter_mut().find(|(_, queue)| queue.name() == name)?;
        let number = *number;
        changes.extend(queue.ack(through, now).into_iter().map(|position| delete(number, position)));
        let waiting = queue.waiting.len();
        if queue.take_in() {
            changes.push(queue.change(number));
            self.move_unrouted(number, now, changes);
        }
        Some(waiting)
    }

    /// Deletes the queue with its commands. Returns the number of commands; `None` if the queue does not exist.
    pub fn delete(&mut self, name: &str, changes: &mut Vec<Change>) -> Option<usize> {
        let (number, _) = self.by_number.iter().find(|(_, queue)| queue.name() == name)?;
        let number = *number;
        let queue = self.by_number.remove(&number)?;
        changes.push(Change::Delete { key: Key::Queue(number).to_bytes() });
        changes.extend(queue.waiting.iter().map(|entry| delete(number, entry.position)));
        Some(queue.waiting.len())
    }

    fn put(
        &mut self,
        number: u32,
        message: Message,
        record: Vec<u8>,
        now: Instant,
        changes: &mut Vec<Change>,
    ) {
        self.last_position += 1;
        let position = self.last_position;
        match self.by_number.get_mut(&number) {
            Some(queue) => queue.push(position, record.len(), message, now),
            None => self.unrouted.push(position, record.len(), message),
        }
        changes.push(Change::Put { key: Key::LastCommand.to_bytes(), value: encode(&position, b"") });
        changes.push(Change::Put { key: Key::Command { queue: number, position }.to_bytes(), value: record });
    }
}

fn delete(queue: u32, position: u64) -> Change {
    Change::Delete { key: Key::Command { queue, position }.to_bytes() }
}
