//! The brake for message loops. The store counts the messages of each pair of numbers and refuses a transition with too many;
//! the turn is then decided again, with the messages that are left, and the action that sends more fails.

use common::identity::pair_key;
use common::ports::work::Messages;
use common::record::ActiveflowSpec;
use flow::step::{MessageQuota, Pair};
use std::collections::BTreeMap;

/// Number of refusals of one turn after which only pairs that the store has told about may get a message.
const MAX_NEW_PAIRS: u32 = 3;
/// Number of refusals of one turn after which it sends no message: other activeflows use up what is left.
const MAX_REFUSALS: u32 = 6;

/// What the current turn knows about its messages.
#[derive(Debug, Default)]
pub struct Brake {
    pub quota: MessageQuota,
    refusals: u32,
}

impl Brake {
    /// Whether the store has refused the turn.
    pub fn is_on(&self) -> bool {
        self.refusals > 0
    }

    /// Learns from a refusal how many messages each pair of the turn may still get.
    pub fn refused(&mut self, pairs: impl Iterator<Item = Pair>, left: &[u32]) {
        self.refusals += 1;
        if self.refusals >= MAX_REFUSALS {
            self.quota = MessageQuota::closed();
            return;
        }
        if self.refusals >= MAX_NEW_PAIRS {
            self.quota.close();
        }
        for (pair, left) in pairs.zip(left) {
            self.quota.limit(pair, *left);
        }
    }
}

/// The messages of a turn as the store counts them; none if there is no limit.
pub fn counted(spec: &ActiveflowSpec, messages: &BTreeMap<Pair, u32>, most: u32) -> Messages {
    if most == 0 {
        return Messages::default();
    }
    let key = |(from, to): &Pair| pair_key(&spec.reference.realm, &spec.customer_id, from, to);
    Messages { most, pairs: messages.iter().map(|(pair, number)| (key(pair), *number)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(to: &str) -> Pair {
        ("+1".to_owned(), to.to_owned())
    }

    #[test]
    fn a_turn_that_is_refused_again_and_again_sends_nothing_in_the_end() {
        let mut brake = Brake::default();
        let may_send = |brake: &Brake, to: &str| brake.quota.clone().take(&pair(to));
        brake.refused([pair("+2")].into_iter(), &[0]);
        assert_eq!(["+2", "+3"].map(|to| may_send(&brake, to)), [false, true]);
        brake.refused([pair("+3")].into_iter(), &[1]);
        brake.refused([pair("+3"), pair("+4")].into_iter(), &[1, 2]);
        assert_eq!(["+3", "+4", "+5"].map(|to| may_send(&brake, to)), [true, true, false]);
        for _ in 0..3 {
            brake.refused([pair("+3")].into_iter(), &[1]);
        }
        assert_eq!(["+3", "+4", "+5"].map(|to| may_send(&brake, to)), [false; 3]);
    }
}
