//! Messages of the last minute, by pair of numbers.

use crate::memory::tracked::TrackedMap;
use common::limits::MESSAGE_WINDOW;
use common::ports::work::Messages;
use flow::Timestamp;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Deref;

/// Times of the messages of each pair, in the order in which they were counted.
#[derive(Default)]
pub(crate) struct SentMessages {
    times: TrackedMap<[u8; 16], VecDeque<Timestamp>>,
    /// Pairs by the time of their newest message.
    by_newest: BTreeSet<(Timestamp, [u8; 16])>,
}

impl Deref for SentMessages {
    type Target = TrackedMap<[u8; 16], VecDeque<Timestamp>>;

    fn deref(&self) -> &Self::Target {
        &self.times
    }
}

impl SentMessages {
    /// Messages that each pair may still get; `Some` if that is too few for one of them.
    pub fn refusal(&self, messages: &Messages, now: Timestamp) -> Option<Vec<u32>> {
        let left = |(pair, _): &([u8; 16], u32)| {
            let recent = self.times.get(pair).map_or(0, |times| times.len() - expired(times, now));
            messages.most.saturating_sub(recent as u32)
        };
        let left: Vec<u32> = messages.pairs.iter().map(left).collect();
        let too_few = messages.pairs.iter().zip(&left).any(|((_, wanted), left)| wanted > left);
        too_few.then_some(left)
    }

    pub fn count(&mut self, messages: &Messages, now: Timestamp) {
        for (pair, number) in &messages.pairs {
            self.forget_newest(pair);
            let times = self.times.get_or_insert_with(*pair, VecDeque::new);
            times.drain(..expired(times, now));
            times.extend(std::iter::repeat_n(now, *number as usize));
            self.by_newest.extend(newest(times).map(|newest| (newest, *pair)));
        }
    }

    pub fn restore(&mut self, pair: [u8; 16], times: VecDeque<Timestamp>) {
        self.by_newest.extend(newest(&times).map(|newest| (newest, pair)));
        self.times.insert_untracked(pair, times);
    }

    /// Forgets at most `count` pairs without a message of the last minute.
    pub fn forget_old(&mut self, now: Timestamp, count: usize) {
        for _ in 0..count {
            match self.by_newest.first() {
                Some((newest, _)) if is_expired(*newest, now) => {}
                _ => return,
            }
            if let Some((_, pair)) = self.by_newest.pop_first() {
                self.times.remove(&pair);
            }
        }
    }

    pub fn changes(&mut self) -> &mut TrackedMap<[u8; 16], VecDeque<Timestamp>> {
        &mut self.times
    }

    pub fn forget_changes(&mut self) {
        self.times.forget_changes();
    }

    fn forget_newest(&mut self, pair: &[u8; 16]) {
        if let Some(newest) = self.times.get(pair).and_then(newest) {
            self.by_newest.remove(&(newest, *pair));
        }
    }
}

/// The time may go back, so that the newest message is not always the last.
fn newest(times: &VecDeque<Timestamp>) -> Option<Timestamp> {
    times.iter().max().copied()
}

/// Number of messages at the front that no longer count.
fn expired(times: &VecDeque<Timestamp>, now: Timestamp) -> usize {
    times.iter().take_while(|at| is_expired(**at, now)).count()
}

/// A time that is yet to come is of a clock that went back.
fn is_expired(at: Timestamp, now: Timestamp) -> bool {
    at > now || now.micros_since(at) >= MESSAGE_WINDOW.as_micros() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn messages(pairs: &[(u8, u32)]) -> Messages {
        Messages { most: 3, pairs: pairs.iter().map(|(pair, number)| ([*pair; 16], *number)).collect() }
    }

    #[test]
    fn a_pair_without_a_recent_message_is_forgotten() {
        let mut sent = SentMessages::default();
        sent.count(&messages(&[(1, 2), (2, 1)]), at(0));
        sent.count(&messages(&[(2, 1)]), at(30));
        sent.forget_old(at(59), 10);
        assert_eq!(sent.len(), 2);
        sent.forget_old(at(60), 10);
        assert_eq!(sent.keys().copied().collect::<Vec<_>>(), [[2; 16]]);
        assert_eq!(sent.refusal(&messages(&[(2, 3)]), at(60)), Some(vec![2]));
        sent.count(&messages(&[(3, 3)]), at(200));
        assert_eq!(sent.refusal(&messages(&[(3, 1)]), at(201)), Some(vec![0]));
        assert_eq!(sent.refusal(&messages(&[(3, 1)]), at(100)), None, "the clock went back");
        sent.forget_old(at(90), 10);
        assert!(sent.is_empty() && sent.by_newest.is_empty());
    }
}
