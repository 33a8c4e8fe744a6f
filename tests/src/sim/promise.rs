//! The promises that the audit checks after every operation. A history reports a broken promise under its name.

use std::collections::BTreeMap;
use std::fmt;

macro_rules! promises {
    ($($(#[doc = $what:literal])+ $name:ident = $words:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Promise { $($(#[doc = $what])+ $name,)* }

        impl Promise {
            pub const ALL: &[Promise] = &[$(Promise::$name,)*];

            pub fn name(self) -> &'static str {
                match self { $(Promise::$name => $words,)* }
            }
        }
    };
}

promises! {
    /// Only the holder of the claim moves an activeflow, and no other worker claims it before the store has released it.
    OneHolder = "one holder",
    /// Versions count 1..n without a gap, and the cursor changes only with its version.
    Versions = "versions",
    /// An input leaves its inbox only when a transition consumes it or when it is redelivered.
    Inputs = "inputs",
    /// No activeflow is parked while its inbox or control holds something.
    WakeUps = "wake-ups",
    /// Every published command was stored with a cursor before.
    SaveThenSpeak = "save, then speak",
    /// A repeated command has the bytes that were stored.
    SameBytes = "same bytes",
    /// The commands of an activeflow are stored, kept and first published in order, each once.
    CommandOrder = "command order",
    /// A command is settled only after the broker has stored it.
    Settled = "settled",
    /// A wait becomes an input once, and not before it is due.
    Waits = "waits",
    /// Events of a reference enter the inbox in the order of their source.
    SourceOrder = "source order",
    /// One event starts one activeflow, and a reference has one owner at a time.
    StartedOnce = "started once",
    /// Every activeflow is in exactly one index of the store.
    OnePlace = "one place",
    /// States change only along the allowed transitions.
    States = "states",
    /// A worker that holds suspects holds nothing else: one suspect, or one group.
    SuspectsApart = "suspects apart",
    /// An activeflow is quarantined only after five deaths of workers that held it alone, without progress.
    Quarantine = "quarantine",
    /// A worker is declared dead only after a silence.
    Lease = "lease",
    /// Ended activeflows are kept for the retention time; others are never removed.
    Kept = "kept",
    /// A window's transition is recorded once it has passed, and announced at least once, always with the same bytes.
    Windows = "windows",
    /// The feed reports the creation, every move with its journal, and the end, in order.
    Feed = "feed",
    /// A publication is the next generation and does not undo an earlier one.
    Definitions = "definitions",
    /// Every good event is accepted: none is rejected or left in the queue.
    Accepted = "accepted",
    /// Each caller and sender gets exactly the commands that the flow asks for.
    Story = "story",
    /// Every activeflow ends once no more faults are injected.
    Finishes = "finishes",
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Number of checks per promise, and the violations.
#[derive(Clone, Debug, Default)]
pub struct PromiseTally {
    pub checked: BTreeMap<Promise, u64>,
    pub broken: Vec<String>,
}

impl PromiseTally {
    pub fn check(&mut self, promise: Promise, holds: bool, what: impl FnOnce() -> String) {
        *self.checked.entry(promise).or_default() += 1;
        if !holds {
            self.broken.push(format!("[{promise}] {}", what()));
        }
    }

    pub fn add(&mut self, other: &PromiseTally) {
        for (promise, times) in &other.checked {
            *self.checked.entry(*promise).or_default() += times;
        }
        self.broken.extend(other.broken.iter().cloned());
    }

    /// Promises that were never checked.
    pub fn unchecked(&self) -> Vec<Promise> {
        Promise::ALL.iter().filter(|promise| !self.checked.contains_key(promise)).copied().collect()
    }
}

impl fmt::Display for PromiseTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, times) in &self.checked {
            writeln!(f, "{promise:>17}  {times}")?;
        }
        Ok(())
    }
}
