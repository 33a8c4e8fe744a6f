//! Notes: the lines of an activeflow's journal.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_type: Option<String>,
    pub what: NoteKind,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub detail: Value,
}

macro_rules! note_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The event that a note records. Journals and the REST API contain the snake-case names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum NoteKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
            /// A kind that this version does not know, read from the journal of another version. Never written.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl NoteKind {
            /// The name in journals and in the REST API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(NoteKind::$name => $text,)*
                    NoteKind::Unknown => "unknown",
                }
            }
        }
    };
}

note_kinds! {
    /// The trigger started the activeflow.
    Started = "started",
    /// The cursor reached an action.
    Entered = "entered",
    /// The action waits.
    Waiting = "waiting",
    /// The wait or the subroutine of an action is over.
    Completed = "completed",
    /// The action did nothing.
    Skipped = "skipped",
    /// The action failed, or the activeflow cannot be read.
    Failed = "failed",
    /// A jump from outside.
    Forwarded = "forwarded",
    /// An event is kept for a later action.
    Early = "early",
    /// An event is dropped: too many are kept already.
    Dropped = "dropped",
    /// A newer event replaces one that was kept.
    Replaced = "replaced",
    /// An input changed nothing.
    Ignored = "ignored",
    /// An expression read a variable that has no value.
    EmptyVariable = "empty_variable",
    /// A command failed, and no action waits for it.
    CommandFailed = "command_failed",
    /// A jump from outside names an action that does not exist.
    UnknownAction = "unknown_action",
    /// The step reached its maximum of actions.
    Yielded = "yielded",
    /// The activeflow ended.
    Ended = "ended",
    /// More notes than a step or a turn may have.
    NotesDropped = "notes_dropped",
    /// The step sends more commands than the store accepts; the activeflow ends.
    TooMuch = "too_much",
    /// The step panicked; the activeflow ends.
    Panic = "panic",
}

impl NoteKind {
    /// Kinds that every limit on notes leaves in place: they say what was lost and why nothing follows.
    pub const LASTING: [NoteKind; 3] = [NoteKind::Dropped, NoteKind::Yielded, NoteKind::Ended];
}

impl std::fmt::Display for NoteKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(what: &str) -> NoteKind {
        serde_json::from_str(&format!("\"{what}\"")).unwrap()
    }

    #[test]
    fn a_note_kind_has_one_name_in_journals_and_in_code() {
        for kind in [NoteKind::Started, NoteKind::EmptyVariable, NoteKind::NotesDropped, NoteKind::TooMuch] {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
            assert_eq!(read(kind.as_str()), kind);
        }
    }

    #[test]
    fn a_note_of_another_version_is_readable() {
        assert_eq!(read("teleported"), NoteKind::Unknown);
    }
}
