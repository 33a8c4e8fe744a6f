//! One at a time for each reference: who comes while another is under way waits behind it.

use std::collections::{HashMap, VecDeque};

/// Realm and subject: everything about one call or SIM shares a key, commands' results included.
pub type Key = (String, String);

#[derive(Debug)]
pub struct KeyQueues<T> {
    /// A key is present while one of its items is under way.
    waiting: HashMap<Key, VecDeque<T>>,
}

impl<T> Default for KeyQueues<T> {
    fn default() -> Self {
        KeyQueues { waiting: HashMap::new() }
    }
}

impl<T> KeyQueues<T> {
    /// Gives `item` back when it may begin now; else it waits behind the others of its key.
    pub fn enter(&mut self, key: &Key, item: T) -> Option<T> {
        match self.waiting.get_mut(key) {
            Some(queue) => {
                queue.push_back(item);
                None
            }
            None => {
                self.waiting.insert(key.clone(), VecDeque::new());
                Some(item)
            }
        }
    }

    /// The item under way is done; returns the next of its key, which is under way from now on.
    pub fn leave(&mut self, key: &Key) -> Option<T> {
        let next = self.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(key);
        }
        next
    }

    /// Forgets who waits, but not who is under way; returns how many.
    pub fn forget_waiting(&mut self) -> usize {
        self.waiting.values_mut().map(|queue| queue.drain(..).count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_one_item_under_way_and_keeps_order() {
        let (call, other) = (("r".to_owned(), "a".to_owned()), ("r".to_owned(), "b".to_owned()));
        let mut key_queues = KeyQueues::default();
        assert_eq!(key_queues.enter(&call, 1), Some(1));
        assert_eq!(key_queues.enter(&call, 2), None);
        assert_eq!(key_queues.enter(&other, 3), Some(3));
        assert_eq!(key_queues.enter(&call, 4), None);
        assert_eq!(key_queues.leave(&call), Some(2));
        assert_eq!(key_queues.leave(&call), Some(4));
        assert_eq!(key_queues.leave(&call), None);
        assert_eq!(key_queues.enter(&call, 5), Some(5));
    }

    #[test]
    fn who_is_under_way_still_blocks_its_lane_when_the_waiting_are_forgotten() {
        let call = ("r".to_owned(), "a".to_owned());
        let mut key_queues = KeyQueues::default();
        key_queues.enter(&call, 1);
        key_queues.enter(&call, 2);
        assert_eq!(key_queues.forget_waiting(), 1);
        assert_eq!(key_queues.enter(&call, 1), None);
        assert_eq!(key_queues.leave(&call), Some(1));
    }
}
