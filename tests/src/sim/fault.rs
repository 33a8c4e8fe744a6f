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
    /// A process meets a record of the next release.
    TooNew,
    /// Nobody reaches it for a while.
    Away,
}

use Fault::{
    Away, Broken, CrashAfter, CrashBefore, Doubled, Late, LostAfter, LostBefore, Paused, Refused, Slow,
    Stepped, Stopped, TooNew,
};

const ANY: &[Fault] =
    &[LostBefore, LostAfter, LostAfter, Refused, Slow, Slow, Late, Late, Doubled, CrashBefore, CrashAfter];
/// A late copy of what a person asked would undo what was asked since, so that is not doubled.
const OF_PERSONS: &[Fault] = &[LostBefore, LostAfter, Refused, Slow];
/// Whose process is no role of the engine and does not die.
const OF_OTHERS: &[Fault] = &[LostBefore, LostAfter, Refused, Slow, Late, Doubled];
const COMMANDS: &[Fault] = &[LostBefore, LostAfter, Slow, Late, CrashBefore, CrashAfter];

/// Every port call with what can happen to it, and how seldom: what is called seldom is hit the more often.
const CALLS: &[(&str, u64, &[Fault])] = &[
    ("deliver", 10, ANY),
    ("count_attempt", 3, ANY),
    ("claim", 14, ANY),
    ("commit", 10, ANY),
    ("finish", 10, ANY),
    ("release", 3, ANY),
    ("sweep", 14, ANY),
    ("depth", 14, ANY),
    ("heartbeat", 14, ANY),
    ("leave", 5, ANY),
    ("members", 2, OF_OTHERS),
    ("definitions", 14, ANY),
    ("bundle", 5, ANY),
    ("now", 14, ANY),
    ("record_route_transition", 3, ANY),
    ("route_transition_published", 3, ANY),
    ("route_transitions", 10, ANY),
    ("publish", 2, OF_PERSONS),
    ("get", 3, OF_OTHERS),
    ("list", 3, OF_OTHERS),
    ("control", 3, OF_PERSONS),
    ("feed", 5, OF_OTHERS),
    ("trim", 5, OF_OTHERS),
    ("next", 12, &[Broken, CrashBefore]),
    ("ack", 14, &[Broken]),
    ("publish_command", 12, COMMANDS),
    ("announce", 3, COMMANDS),
    ("wakeup", 7, &[LostBefore]),
];

/// What happens beside port calls.
const TROUBLES: &[(&str, &[Fault])] = &[
    ("process", &[Paused, Stopped]),
    ("connection", &[Broken]),
    ("queue", &[Refused]),
    ("clock", &[Stepped]),
    ("store", &[Away]),
    ("broker", &[Away]),
    ("format", &[TooNew]),
];

impl Fault {
    /// Whether a message with this fault is in its queue at once.
    pub fn stores(self) -> bool {
        [Fault::None, LostAfter, Slow, CrashAfter].contains(&self)
    }

    /// What happens to a call of `port`: mostly nothing.
    pub fn thrown(dice: &mut Dice, port: &'static str) -> Fault {
        let (_, seldom, possible) = CALLS
            .iter()
            .find(|(name, ..)| *name == port)
            .unwrap_or_else(|| panic!("{port} has no line in the table of faults"));
        if dice.between(0, *seldom) != 0 { Fault::None } else { *dice.pick(possible) }
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

    /// The fields of the table that were never hit.
    pub fn unhit(&self) -> Vec<String> {
        let calls = CALLS.iter().map(|(port, _, faults)| (*port, *faults));
        let all = calls.chain(TROUBLES.iter().copied());
        let fields = all.flat_map(|(port, faults)| faults.iter().map(move |fault| (port, *fault)));
        fields
            .filter(|field| !self.0.contains_key(field))
            .map(|(port, fault)| format!("{port} × {fault:?}"))
            .collect()
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
