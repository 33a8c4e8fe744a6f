//! One at a time for each reference: who comes while another is under way waits behind it.

use std::collections::{HashMap, VecDeque};

/// Realm and subject: everything about one call or SIM shares a lane, commands' results included.
pub type Lane = (String, String);

#[derive(Debug)]
pub struct Lanes<T> {
    /// A lane is present while one of its items is under way.
    waiting: HashMap<Lane, VecDeque<T>>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Lanes { waiting: HashMap::new() }
    }
}

impl<T> Lanes<T> {
    /// Gives `item` back when it may begin now; else it waits behind the others of its lane.
    pub fn enter(&mut self, lane: &Lane, item: T) -> Option<T> {
        match self.waiting.get_mut(lane) {
            Some(queue) => {
                queue.push_back(item);
                None
            }
            None => {
                self.waiting.insert(lane.clone(), VecDeque::new());
                Some(item)
            }
        }
    }

    /// The item under way is done; returns the next of its lane, which is under way from now on.
    pub fn leave(&mut self, lane: &Lane) -> Option<T> {
        let next = self.waiting.get_mut(lane)?.pop_front();
        if next.is_none() {
            self.waiting.remove(lane);
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
        let mut lanes = Lanes::default();
        assert_eq!(lanes.enter(&call, 1), Some(1));
        assert_eq!(lanes.enter(&call, 2), None);
        assert_eq!(lanes.enter(&other, 3), Some(3));
        assert_eq!(lanes.enter(&call, 4), None);
        assert_eq!(lanes.leave(&call), Some(2));
        assert_eq!(lanes.leave(&call), Some(4));
        assert_eq!(lanes.leave(&call), None);
        assert_eq!(lanes.enter(&call, 5), Some(5));
    }

    #[test]
    fn who_is_under_way_still_blocks_its_lane_when_the_waiting_are_forgotten() {
        let call = ("r".to_owned(), "a".to_owned());
        let mut lanes = Lanes::default();
        lanes.enter(&call, 1);
        lanes.enter(&call, 2);
        assert_eq!(lanes.forget_waiting(), 1);
        assert_eq!(lanes.enter(&call, 1), None);
        assert_eq!(lanes.leave(&call), Some(1));
    }
}
