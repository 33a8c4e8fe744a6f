//! The promises that are looked at after every move, each with the name under which a history tells that it was broken.

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
    /// Only who holds an activeflow moves it, and nobody takes it from a holder without the store having let go.
    OneHolder = "one holder",
    /// Versions are 1..n without a gap, and nothing changes without one.
    Versions = "versions",
    /// What is in an inbox leaves it only by a transition that took it, or is handed on.
    Inputs = "inputs",
    /// Nothing is parked for which something waits.
    WakeUps = "wake-ups",
    /// No command goes out that was not stored with a cursor.
    SaveThenSpeak = "save, then speak",
    /// Whoever repeats a command sends the bytes that were stored.
    SameBytes = "same bytes",
    /// The commands of an activeflow are asked for, kept and first seen in their order, each once.
    CommandOrder = "command order",
    /// A command is settled only when the broker has it.
    Settled = "settled",
    /// A wait becomes an input when it is due, not before, and once.
    Waits = "waits",
    /// Events of a reference enter in the order of their source.
    SourceOrder = "source order",
    /// One event starts one activeflow, and one activeflow at a time owns a reference.
    StartedOnce = "started once",
    /// Every activeflow is in exactly one place of the store.
    OnePlace = "one place",
    /// States change only as the life of an activeflow allows.
    States = "states",
    /// Suspects are held alone, or in groups of suspects, by a worker that holds nothing else.
    SuspectsApart = "suspects apart",
    /// Nothing is quarantined that has not died alone five times without progress.
    Quarantine = "quarantine",
    /// Nobody is swept as dead who was never silent.
    Lease = "lease",
    /// What has ended is kept for its time, and what has not is never forgotten.
    Kept = "kept",
    /// An transition of a window is recorded when it has passed, and told of at least once with the same bytes.
    Windows = "windows",
    /// The feed tells the birth, every move with its journal, and the end, in order.
    Feed = "feed",
    /// A publication is the next generation, and undoes no other.
    Definitions = "definitions",
    /// No good event is rejected or left lying.
    Accepted = "accepted",
    /// What each caller and writer is told is what the flow says.
    Story = "story",
    /// When everything is whole again, every activeflow comes to its end.
    Finishes = "finishes",
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How often each promise was looked at, and how it was broken.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub looked: BTreeMap<Promise, u64>,
    pub broken: Vec<String>,
}

impl Kept {
    pub fn demand(&mut self, promise: Promise, holds: bool, what: impl FnOnce() -> String) {
        *self.looked.entry(promise).or_default() += 1;
        if !holds {
            self.broken.push(format!("[{promise}] {}", what()));
        }
    }

    pub fn add(&mut self, other: &Kept) {
        for (promise, times) in &other.looked {
            *self.looked.entry(*promise).or_default() += times;
        }
        self.broken.extend(other.broken.iter().cloned());
    }

    /// The promises that were never looked at.
    pub fn unseen(&self) -> Vec<Promise> {
        Promise::ALL.iter().filter(|promise| !self.looked.contains_key(promise)).copied().collect()
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (promise, times) in &self.looked {
            writeln!(f, "{promise:>17}  {times}")?;
        }
        Ok(())
    }
}
