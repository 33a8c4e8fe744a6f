//! The notes that a step leaves in the journal.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_type: Option<String>,
    #[serde(rename = "what")]
    pub kind: NoteKind,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What a note reports. Stored and shown under these names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum NoteKind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)*
            /// A kind that a newer version wrote.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl NoteKind {
            pub const ALL: &[NoteKind] = &[$(NoteKind::$kind),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(NoteKind::$kind => $name,)*
                    NoteKind::Unknown => "unknown",
                }
            }
        }
    };
}

kinds! {
    /// The first input: the event that started the activeflow.
    Started = "started",
    /// The cursor reached an action.
    Entered = "entered",
    /// A wait was armed.
    Waiting = "waiting",
    /// A wait is over, or a subroutine has returned.
    Completed = "completed",
    /// The action did nothing.
    Skipped = "skipped",
    /// The action failed, or the stored data cannot be used.
    Failed = "failed",
    /// An operator's jump was made.
    Forwarded = "forwarded",
    /// An event was kept for a later action.
    Early = "early",
    /// An event did not fit among the early inputs.
    Dropped = "dropped",
    /// An expression read a variable that is not set.
    EmptyVariable = "empty_variable",
    /// A command failed that no action waits for.
    CommandFailed = "command_failed",
    /// A jump names an action that does not exist.
    UnknownAction = "unknown_action",
    /// The step reached its number of actions.
    Yielded = "yielded",
    /// The activeflow has ended.
    Ended = "ended",
    /// Notes that did not fit, as a count.
    NotesDropped = "notes_dropped",
    /// The core panicked.
    Panic = "panic",
    /// A step asked for more than can be stored.
    TooMuch = "too_much",
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_stored_under_its_name_and_a_newer_one_can_be_read() {
        for kind in NoteKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(serde_json::from_value::<NoteKind>(kind.name().into()).unwrap(), *kind);
        }
        assert_eq!(serde_json::from_value::<NoteKind>("from_the_future".into()).unwrap(), NoteKind::Unknown);
    }
}
