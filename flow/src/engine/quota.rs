//! The number of messages that a step may send, by pair of numbers. The store counts them; a step only obeys.

use crate::program::Failure;
use std::collections::BTreeMap;

/// Sender and receiver of a message, in their normal forms.
pub type Pair = (String, String);

/// Messages that may still be sent within the current minute. Without limits until a limit is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageQuota {
    left: BTreeMap<Pair, u32>,
    /// Whether pairs without a limit of their own may send nothing.
    closed: bool,
}

impl MessageQuota {
    /// A quota that allows no message.
    pub fn closed() -> MessageQuota {
        MessageQuota { left: BTreeMap::new(), closed: true }
    }

    /// Forbids messages of pairs without a limit of their own.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Sets the number of messages that a pair may still send.
    pub fn limit(&mut self, pair: Pair, left: u32) {
        self.left.insert(pair, left);
    }

    /// Takes one message from the quota of a pair. Returns false if none is left.
    pub fn take(&mut self, pair: &Pair) -> bool {
        match self.left.get_mut(pair) {
            None => !self.closed,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// Takes one message for each receiver, or none.
    pub(crate) fn take_all(&mut self, from: &str, to: &[String]) -> Result<(), Failure> {
        if self.left.is_empty() && !self.closed {
            return Ok(());
        }
        let mut rest = self.clone();
        for to in to {
            if !rest.take(&(from.to_owned(), to.clone())) {
                return Err(Failure::new(
                    "rate_limited",
                    format!(
                        "too many messages went from {from} to {to} within a minute (executor.messages_per_minute); is the other side a machine that answers by itself?"
                    ),
                ));
            }
        }
        *self = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(to: &str) -> Pair {
        ("+1".to_owned(), to.to_owned())
    }

    #[test]
    fn a_quota_is_taken_for_all_receivers_or_for_none() {
        let mut quota = MessageQuota::default();
        quota.limit(pair("+2"), 2);
        let all = |to: &[&str]| to.iter().map(|to| (*to).to_owned()).collect::<Vec<String>>();
        assert!(quota.take_all("+1", &all(&["+2", "+3", "+3"])).is_ok(), "other pairs have no limit");
        let failure = quota.take_all("+1", &all(&["+3", "+2", "+2"])).unwrap_err();
        assert_eq!(failure.code, "rate_limited");
        assert!(failure.message.contains("from +1 to +2"), "{}", failure.message);
        assert!(quota.take_all("+1", &all(&["+2"])).is_ok(), "the failed action took nothing");
        assert!(!quota.take(&pair("+2")));
        assert!(quota.take(&("+2".to_owned(), "+1".to_owned())), "the other direction is another pair");
        assert!(!MessageQuota::closed().take(&pair("+9")));
    }
}
