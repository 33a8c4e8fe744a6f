//! One queue per reference: one item runs at a time, later items of the same reference wait in order.

use std::collections::{HashMap, VecDeque};

/// Realm and subject. All events of one call or SIM share a key, results of its commands included.
pub type Key = (String, String);

#[derive(Debug)]
pub struct KeyQueues<T> {
    /// Waiting items. A key is present while one of its items is running.
    waiting: HashMap<Key, VecDeque<T>>,
}

impl<T> Default for KeyQueues<T> {
    fn default() -> Self {
        KeyQueues { waiting: HashMap::new() }
    }
}

impl<T> KeyQueues<T> {
    /// Returns `item` if it may run now. Otherwise queues it behind the other items of its key.
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

    /// Ends the running item of `key`. Returns the next one, which is running from now on.
    pub fn leave(&mut self, key: &Key) -> Option<T> {
        let next = self.waiting.get_mut(key)?.pop_front();
        if next.is_none() {
            self.waiting.remove(key);
        }
        next
    }

    /// Removes all waiting items, but not the running ones. Returns the number of removed items.
    pub fn remove_waiting(&mut self) -> usize {
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
    fn a_running_item_still_blocks_its_queue_when_the_waiting_items_are_removed() {
        let call = ("r".to_owned(), "a".to_owned());
        let mut key_queues = KeyQueues::default();
        key_queues.enter(&call, 1);
        key_queues.enter(&call, 2);
        assert_eq!(key_queues.remove_waiting(), 1);
        assert_eq!(key_queues.enter(&call, 1), None);
        assert_eq!(key_queues.leave(&call), Some(1));
    }
}
