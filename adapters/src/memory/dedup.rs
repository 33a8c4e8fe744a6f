//! The dedup window: marks of applied events, in generations that deliveries rotate.

use common::EventKey;
use common::limits::DEDUP_GENERATIONS;
use flow::Timestamp;
use std::collections::{BTreeSet, VecDeque};

/// Marks per chunk. A chunk is one stored record.
const CHUNK: usize = 64;

/// Prefix of an event's key.
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
    /// Chunks that became complete since the last [`DedupWindow::take_changes`], with their numbers.
    complete: Vec<(u64, Vec<Mark>)>,
}

/// A chunk of marks that changed.
pub(crate) struct Chunk {
    pub generation: u64,
    pub number: u64,
    pub marks: Vec<Mark>,
}

impl DedupWindow {
    pub fn contains(&self, key: &EventKey) -> bool {
        let mark = mark(key);
        self.generations.iter().any(|generation| generation.marks.contains(&mark))
    }

    /// Number of marks.
    pub fn len(&self) -> u64 {
        self.generations.iter().map(|generation| generation.marks.len() as u64).sum()
    }

    pub fn mark(&mut self, key: &EventKey) {
        if let Some(newest) = self.generations.back_mut() {
            newest.add(mark(key));
            newest.changed = true;
        }
    }

    /// Begins a new generation if the newest is `life_us` old. Only deliveries call this, so an outage drops no marks.
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

    /// Number of the newest generation; `None` before the first delivery.
    pub fn newest(&self) -> Option<u64> {
        self.generations.back().map(|newest| newest.number)
    }

    /// Restores the generations up to number `newest`, which began at `since`.
    pub fn restore_window(&mut self, since: Timestamp, newest: u64) {
        self.since = since;
        for number in newest.saturating_sub(DEDUP_GENERATIONS as u64 - 1)..=newest {
            self.generation(number);
        }
    }

    /// Restores a chunk of a generation. Chunks are restored in the order of their numbers.
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

    /// Takes the changes since the last call: dropped generations, and the chunks that got a mark.
    pub fn take_changes(&mut self) -> (Vec<u64>, impl Iterator<Item = Chunk>) {
        let changed = self.generations.iter_mut().filter(|generation| generation.changed);
        (std::mem::take(&mut self.dropped), changed.flat_map(Generation::take_changed))
    }

    pub fn forget_changes(&mut self) {
        self.dropped.clear();
        for generation in &mut self.generations {
            generation.changed = false;
            generation.complete.clear();
        }
    }
}

impl Generation {
    fn new(number: u64) -> Generation {
        Generation { number, marks: BTreeSet::new(), chunk: Vec::new(), changed: false, complete: Vec::new() }
    }

    fn add(&mut self, mark: Mark) {
        if self.marks.insert(mark) {
            if self.chunk.len() == CHUNK {
                let complete = std::mem::take(&mut self.chunk);
                if self.changed {
                    self.complete.push((self.last_chunk() - 1, complete));
                }
            }
            self.chunk.push(mark);
        }
    }

    /// Number of the last chunk.
    fn last_chunk(&self) -> u64 {
        (self.marks.len().saturating_sub(1) / CHUNK) as u64
    }

    fn take_changed(&mut self) -> impl Iterator<Item = Chunk> + use<> {
        self.changed = false;
        let generation = self.number;
        let mut changed = std::mem::take(&mut self.complete);
        changed.push((self.last_chunk(), self.chunk.clone()));
        changed.into_iter().map(move |(number, marks)| Chunk { generation, number, marks })
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
        EventKey::of(&["default", "s", &n.to_string()])
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// A window with one mark in each of `generations` generations.
    fn marked(generations: usize) -> DedupWindow {
        let mut window = DedupWindow::default();
        for n in 0..generations {
            window.rotate(at(1 + n as i64 * LIFE_US), LIFE_US);
            window.mark(&key(n));
        }
        window
    }

    #[test]
    fn a_window_is_three_generations_and_stays_so_when_it_is_restored() {
        let mut window = marked(5);
        assert_eq!(window.newest(), Some(4));
        assert_eq!(window.take_changes().0, [0, 1]);
        assert_eq!([1, 2, 3, 4].map(|n| window.contains(&key(n))), [false, true, true, true]);

        let mut restored = DedupWindow::default();
        restored.restore_window(window.since(), 4);
        for n in [2, 3, 4] {
            restored.restore(n, [mark(&key(n as usize))].into_iter());
        }
        restored.rotate(at(1 + 5 * LIFE_US), LIFE_US);
        assert_eq!(restored.take_changes().0, [2], "the oldest goes at the next rotation");
        assert_eq!([2, 3, 4].map(|n| restored.contains(&key(n))), [false, true, true]);
    }

    #[test]
    fn a_chunk_is_rewritten_until_it_is_full() {
        let mut window = DedupWindow::default();
        window.rotate(at(1), LIFE_US);
        let mut written = Vec::new();
        for n in 0..130 {
            window.mark(&key(n));
            window.mark(&key(n));
            written.extend(
                window.take_changes().1.map(|chunk| (chunk.generation, chunk.number, chunk.marks.len())),
            );
        }
        let expected = (0..130).map(|n| (0, n as u64 / 64, n % 64 + 1));
        assert_eq!(written, expected.collect::<Vec<_>>());
        assert!(window.take_changes().1.next().is_none());
    }

    #[test]
    fn marks_of_one_operation_on_both_sides_of_a_border_are_both_written() {
        let mut window = DedupWindow::default();
        window.rotate(at(1), LIFE_US);
        (0..63).for_each(|n| window.mark(&key(n)));
        window.forget_changes();
        [63, 64, 65].iter().for_each(|n| window.mark(&key(*n)));
        let written: Vec<_> = window.take_changes().1.map(|chunk| (chunk.number, chunk.marks)).collect();
        let sizes: Vec<_> = written.iter().map(|(number, marks)| (*number, marks.len())).collect();
        assert_eq!(sizes, [(0, 64), (1, 2)]);
        assert_eq!((written[0].1[63], written[1].1[0]), (mark(&key(63)), mark(&key(64))));
        assert!(window.take_changes().1.next().is_none());
    }
}
