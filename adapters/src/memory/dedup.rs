//! The events that were applied: generations of marks, all looked up, rotated by deliveries.

use common::EventKey;
use common::limits::DEDUP_GENERATIONS;
use flow::Timestamp;
use std::collections::{BTreeSet, VecDeque};

/// Marks in one chunk, which is written as one record.
const CHUNK: usize = 64;

/// What is kept of an event's key.
pub(crate) type Mark = [u8; 12];

#[derive(Default)]
pub(crate) struct DedupWindow {
    generations: VecDeque<Generation>,
    since: Timestamp,
    /// Generations that were dropped since the last [`DedupWindow::take_changes`].
    dropped: Vec<u64>,
}

struct Generation {
    number: u64,
    marks: BTreeSet<Mark>,
    /// The last, incomplete chunk.
    chunk: Vec<Mark>,
    changed: bool,
}

/// A chunk of marks that changed.
pub(crate) struct Chunk<'a> {
    pub generation: u64,
    pub number: u64,
    pub marks: &'a [Mark],
}

impl DedupWindow {
    pub fn contains(&self, key: &EventKey) -> bool {
        let mark = mark(key);
        self.generations.iter().any(|generation| generation.marks.contains(&mark))
    }

    pub fn mark(&mut self, key: &EventKey) {
        if let Some(newest) = self.generations.back_mut() {
            newest.add(mark(key));
            newest.changed = true;
        }
    }

    /// Only a delivery moves the window, so that an outage forgets nothing.
    pub fn rotate(&mut self, now: Timestamp, life_us: i64) {
        if self.since == Timestamp::default() {
            self.begin(now);
        }
        if now.micros_since(self.since) >= life_us {
            self.begin(now);
            if self.generations.len() > DEDUP_GENERATIONS {
                self.dropped.extend(self.generations.pop_front().map(|oldest| oldest.number));
            }
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.since = now;
        let number = self.generations.back().map_or(0, |newest| newest.number + 1);
        self.generations.push_back(Generation::new(number));
    }

    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// The number of the newest generation; `None` before the first delivery.
    pub fn newest(&self) -> Option<u64> {
        self.generations.back().map(|newest| newest.number)
    }

    /// The newest generation is number `newest`, and began at `since`.
    pub fn restore_window(&mut self, since: Timestamp, newest: u64) {
        self.since = since;
        for number in newest.saturating_sub(DEDUP_GENERATIONS as u64 - 1)..=newest {
            self.generation(number);
        }
    }

    /// Puts a chunk of a generation back, behind those that were written before it.
    pub fn restore(&mut self, generation: u64, marks: impl Iterator<Item = Mark>) {
        let generation = self.generation(generation);
        for mark in marks {
            generation.add(mark);
        }
    }

    fn generation(&mut self, number: u64) -> &mut Generation {
        let at = self.generations.partition_point(|generation| generation.number < number);
        if self.generations.get(at).is_none_or(|generation| generation.number != number) {
            self.generations.insert(at, Generation::new(number));
        }
        &mut self.generations[at]
    }

    /// The generations that were dropped, and the chunk that a mark was added to, since the last call.
    pub fn take_changes(&mut self) -> (Vec<u64>, impl Iterator<Item = Chunk<'_>>) {
        let changed = self.generations.iter_mut().filter_map(|generation| {
            std::mem::take(&mut generation.changed).then_some(&*generation).map(Generation::last)
        });
        (std::mem::take(&mut self.dropped), changed)
    }

    pub fn forget_changes(&mut self) {
        self.dropped.clear();
    }
}

impl Generation {
    fn new(number: u64) -> Generation {
        Generation { number, marks: BTreeSet::new(), chunk: Vec::new(), changed: false }
    }

    fn add(&mut self, mark: Mark) {
        if self.marks.insert(mark) {
            if self.chunk.len() == CHUNK {
                self.chunk.clear();
            }
            self.chunk.push(mark);
        }
    }

    fn last(&self) -> Chunk<'_> {
        let number = (self.marks.len().saturating_sub(1) / CHUNK) as u64;
        Chunk { generation: self.number, number, marks: &self.chunk }
    }
}

fn mark(key: &EventKey) -> Mark {
    let mut mark = [0; 12];
    mark.copy_from_slice(&key.0[..12]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE_US: i64 = 10;

    fn key(n: usize) -> EventKey {
        EventKey::derive("default", "s", &n.to_string())
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// One mark in each of so many generations.
    fn marked(generations: usize) -> DedupWindow {
        let mut seen = DedupWindow::default();
        for n in 0..generations {
            seen.rotate(at(1 + n as i64 * LIFE_US), LIFE_US);
            seen.mark(&key(n));
        }
        seen
    }

    #[test]
    fn a_window_is_three_generations_and_stays_so_when_it_is_put_back() {
        let mut seen = marked(5);
        assert_eq!(seen.newest(), Some(4));
        assert_eq!(seen.take_changes().0, [0, 1]);
        assert_eq!([1, 2, 3, 4].map(|n| seen.contains(&key(n))), [false, true, true, true]);

        let mut again = DedupWindow::default();
        again.restore_window(seen.since(), 4);
        for n in [2, 3, 4] {
            again.restore(n, [mark(&key(n as usize))].into_iter());
        }
        again.rotate(at(1 + 5 * LIFE_US), LIFE_US);
        assert_eq!(again.take_changes().0, [2], "the oldest goes at the next rotation");
        assert_eq!([2, 3, 4].map(|n| again.contains(&key(n))), [false, true, true]);
    }

    #[test]
    fn a_chunk_is_written_again_until_it_is_full() {
        let mut seen = DedupWindow::default();
        seen.rotate(at(1), LIFE_US);
        let mut written = Vec::new();
        for n in 0..130 {
            seen.mark(&key(n));
            seen.mark(&key(n));
            written.extend(
                seen.take_changes().1.map(|chunk| (chunk.generation, chunk.number, chunk.marks.len())),
            );
        }
        let expected = (0..130).map(|n| (0, n as u64 / 64, n % 64 + 1));
        assert_eq!(written, expected.collect::<Vec<_>>());
        assert!(seen.take_changes().1.next().is_none());
    }
}
