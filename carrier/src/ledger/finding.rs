//! A broken guarantee, as a sentence.

use common::mask::masked;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Lost,
    Doubled,
    OutOfOrder,
    Late,
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// An event with a route was stored, but no command followed and no activeflow exists.
    NothingCame { subject: String, event: &'static str },
    /// Commands are missing although later ones arrived.
    Gap { activeflow: String, missing: Vec<u32> },
    /// The call was hung up, but its activeflow still runs.
    StillRuns { subject: String, activeflow: String, state: String },
    /// More activeflows than events that can start one.
    ManyActiveflows { subject: String, activeflows: Vec<String>, starters: u32 },
    /// The same command under two ids without an event in between.
    SameStep { first: String, second: String },
    /// One command id with two bodies.
    TwoBodies { id: String },
    /// First appearances out of plan.
    Disordered { activeflow: String, before: u32, after: u32 },
    /// A command followed too late.
    Late { subject: String, event: &'static str, after: Duration },
    /// The event was refused for good.
    Refused { subject: String, event: &'static str, why: String },
}

impl Finding {
    pub fn class(&self) -> Class {
        match self {
            Finding::NothingCame { .. } | Finding::Gap { .. } | Finding::StillRuns { .. } => Class::Lost,
            Finding::ManyActiveflows { .. } | Finding::SameStep { .. } | Finding::TwoBodies { .. } => {
                Class::Doubled
            }
            Finding::Disordered { .. } => Class::OutOfOrder,
            Finding::Late { .. } => Class::Late,
            Finding::Refused { .. } => Class::Refused,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::NothingCame { subject, event } => {
                write!(
                    f,
                    "{event} of {} was stored, and neither a command nor an activeflow came of it (does a route lead there?)",
                    masked(subject)
                )
            }
            Finding::Gap { activeflow, missing } => {
                write!(f, "activeflow {activeflow}: commands {missing:?} never came, later ones did")
            }
            Finding::StillRuns { subject, activeflow, state } => {
                write!(
                    f,
                    "{} was hung up, and activeflow {activeflow} has not ended: it is {state}",
                    masked(subject)
                )
            }
            Finding::ManyActiveflows { subject, activeflows, starters } => write!(
                f,
                "{}: {} activeflows for {starters} event(s) that start one: {}",
                masked(subject),
                activeflows.len(),
                activeflows.join(", ")
            ),
            Finding::SameStep { first, second } => {
                write!(f, "commands {first} and {second} are the same step, and nothing happened in between")
            }
            Finding::TwoBodies { id } => write!(f, "command {id} came again with other bytes"),
            Finding::Disordered { activeflow, before, after } => {
                write!(f, "activeflow {activeflow}: command {after} came after {before}")
            }
            Finding::Late { subject, event, after } => {
                write!(f, "{}: the command after {event} took {:.1} s", masked(subject), after.as_secs_f64())
            }
            Finding::Refused { subject, event, why } => {
                write!(f, "{event} of {} was refused: {}", masked(subject), masked(why))
            }
        }
    }
}
