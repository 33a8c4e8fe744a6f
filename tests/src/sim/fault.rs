//! What can happen to a port call, and how often it did.

use crate::carrier::Dice;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    None,
    /// It does not take effect, and no answer comes.
    LostBefore,
    /// It takes effect, and no answer comes.
    LostAfter,
    /// It does not take effect, and says so.
    Refused,
    /// It takes effect and answers, later.
    Slow,
    /// No answer comes, and it takes effect after others.
    Late,
    /// It takes effect twice, the second time after others.
    Doubled,
    CrashBefore,
    CrashAfter,
    /// A consumer's or a connection's life ends.
    Broken,
    /// The store's clock jumps.
    Stepped,
    Paused,
    Stopped,
}

impl Fault {
    /// One of `possible`, seldom; mostly none.
    pub fn thrown(dice: &mut Dice, possible: &[Fault]) -> Fault {
        // A call in fourteen: enough for several faults in one transition now and then.
        if possible.is_empty() || dice.between(0, 14) != 0 { Fault::None } else { *dice.pick(possible) }
    }
}

/// Port call × fault.
#[derive(Clone, Debug, Default)]
pub struct Tally(pub BTreeMap<(&'static str, Fault), u64>);

impl Tally {
    pub fn note(&mut self, port: &'static str, fault: Fault) {
        *self.0.entry((port, fault)).or_default() += 1;
    }

    pub fn add(&mut self, other: &Tally) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    pub fn faults(&self) -> u64 {
        self.0.iter().filter(|((_, fault), _)| *fault != Fault::None).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ports: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((port, fault), count) in &self.0 {
            ports.entry(port).or_default().push(format!("{fault:?} {count}"));
        }
        for (port, counts) in ports {
            writeln!(f, "{port:>15}  {}", counts.join(", "))?;
        }
        Ok(())
    }
}
