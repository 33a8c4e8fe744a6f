//! Faults of port calls, and their counts.

use crate::rng::Rng;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    None,
    /// The call takes no effect, and no answer comes.
    LostBefore,
    /// The call takes effect, and no answer comes.
    LostAfter,
    /// The call takes no effect, and the answer says so.
    Refused,
    /// The call takes effect and answers late.
    Slow,
    /// No answer comes, and the call takes effect after later calls.
    Late,
    /// The call takes effect twice, the second time after later calls.
    Doubled,
    CrashBefore,
    CrashAfter,
    /// A consumer's session or a connection ends.
    Broken,
    /// The store's clock is moved.
    Stepped,
    Paused,
    Stopped,
    /// A process reads a record of the next release.
    TooNew,
    /// The service is unreachable for a while.
    Unreachable,
}

use Fault::{
    Broken, CrashAfter, CrashBefore, Doubled, Late, LostAfter, LostBefore, Paused, Refused, Slow, Stepped,
    Stopped, TooNew, Unreachable,
};

const ANY: &[Fault] =
    &[LostBefore, LostAfter, LostAfter, Refused, Slow, Slow, Late, Late, Doubled, CrashBefore, CrashAfter];
/// Faults of an operator's calls. They are not doubled: a late copy of a control would undo newer ones.
const OPERATOR_CALLS: &[Fault] = &[LostBefore, LostAfter, Refused, Slow];
/// Faults of other clients' calls. Clients do not die.
const EXTERNAL_CALLS: &[Fault] = &[LostBefore, LostAfter, Refused, Slow, Late, Doubled];
const COMMANDS: &[Fault] = &[LostBefore, LostAfter, Slow, Late, CrashBefore, CrashAfter];

/// Each port call with its rarity (one fault in rarity + 1 calls) and its possible faults. Rare calls fail more often.
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
    ("members", 2, EXTERNAL_CALLS),
    ("definitions", 14, ANY),
    ("bundle", 5, ANY),
    ("now", 14, ANY),
    ("record_route_transition", 3, ANY),
    ("route_transition_published", 3, ANY),
    ("route_transitions", 10, ANY),
    ("publish", 2, OPERATOR_CALLS),
    ("get", 3, EXTERNAL_CALLS),
    ("list", 3, EXTERNAL_CALLS),
    ("control_once", 3, OPERATOR_CALLS),
    ("feed", 5, EXTERNAL_CALLS),
    ("trim", 5, EXTERNAL_CALLS),
    ("next", 12, &[Broken, CrashBefore]),
    ("ack", 14, &[Broken]),
    ("publish_command", 12, COMMANDS),
    ("announce", 3, COMMANDS),
    ("wakeup", 7, &[LostBefore]),
];

/// Faults outside of port calls.
const OTHER_FAULTS: &[(&str, &[Fault])] = &[
    ("process", &[Paused, Stopped]),
    ("connection", &[Broken]),
    ("queue", &[Refused]),
    ("clock", &[Stepped]),
    ("store", &[Unreachable]),
    ("broker", &[Unreachable]),
    ("format", &[TooNew]),
];

impl Fault {
    /// Whether a message with this fault reaches its queue at once.
    pub fn stores(self) -> bool {
        [Fault::None, LostAfter, Slow, CrashAfter].contains(&self)
    }

    /// Draws the fault of one call of `port`; usually [`Fault::None`].
    pub fn draw(rng: &mut Rng, port: &'static str) -> Fault {
        let (_, rarity, possible) = CALLS
            .iter()
            .find(|(name, ..)| *name == port)
            .unwrap_or_else(|| panic!("{port} has no line in the table of faults"));
        if rng.between(0, *rarity) != 0 { Fault::None } else { *rng.pick(possible) }
    }
}

/// Number of occurrences, by port call and fault.
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

    /// Pairs of port call and fault that never occurred.
    pub fn unhit(&self) -> Vec<String> {
        let calls = CALLS.iter().map(|(port, _, faults)| (*port, *faults));
        let all = calls.chain(OTHER_FAULTS.iter().copied());
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
