//! Acknowledgements of one consumer session: only the contiguous prefix of the settled deliveries.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub struct Acks {
    /// The oldest tag that is not settled; `None` before the first delivery.
    next: Option<u64>,
    settled: BTreeSet<u64>,
}

impl Acks {
    /// Registers a delivery. Must be called once for each, in the order of delivery.
    pub fn received(&mut self, tag: u64) {
        self.next.get_or_insert(tag);
    }

    /// Marks `tag` as settled. Returns the last tag of the settled prefix if the prefix grew.
    pub fn settle(&mut self, tag: u64) -> Option<u64> {
        self.settled.insert(tag);
        let before = self.next?;
        let mut next = before;
        while self.settled.remove(&next) {
            next += 1;
        }
        self.next = Some(next);
        (next > before).then(|| next - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Acks;

    #[test]
    fn only_the_prefix_without_a_gap_is_acknowledged() {
        let mut acks = Acks::default();
        for tag in 1..=5 {
            acks.received(tag);
        }
        assert_eq!(acks.settle(2), None);
        assert_eq!(acks.settle(3), None);
        assert_eq!(acks.settle(1), Some(3));
        assert_eq!(acks.settle(5), None);
        assert_eq!(acks.settle(4), Some(5));
    }

    #[test]
    fn a_session_may_begin_with_any_tag() {
        let mut acks = Acks::default();
        acks.received(17);
        acks.received(18);
        assert_eq!(acks.settle(18), None);
        assert_eq!(acks.settle(17), Some(18));
    }
}
