//! Entries of an activeflow's journal.
//!
//! The bytes are a format and JSON with short names. A note has a time of its own only if it differs from the entry's,
//! and an action only if it is another one than in the note before.

use crate::record::formats;
use flow::Timestamp;
use flow::step::{Note, NoteKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The notes of one transition, with the version that the transition produced.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub version: u64,
    pub at: Timestamp,
    pub notes: Vec<Note>,
}

#[derive(Serialize, Deserialize)]
struct StoredEntry {
    #[serde(rename = "v")]
    version: u64,
    /// Microseconds.
    #[serde(rename = "t")]
    at: i64,
    #[serde(rename = "n")]
    notes: Vec<StoredNote>,
}

#[derive(Serialize, Deserialize)]
struct StoredNote {
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(rename = "a", default, skip_serializing_if = "StoredAction::is_same")]
    action: StoredAction,
    #[serde(rename = "w")]
    what: NoteKind,
    #[serde(rename = "d", default, skip_serializing_if = "Value::is_null")]
    detail: Value,
}

/// The action of a note.
#[derive(Default, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredAction {
    /// That of the note before; none in the first note.
    #[default]
    Same,
    Other(Option<String>, Option<String>),
}

impl StoredAction {
    fn is_same(&self) -> bool {
        matches!(self, StoredAction::Same)
    }
}

/// Id and type of an action.
type Action = (Option<String>, Option<String>);

impl Entry {
    /// The bytes in a format that [`crate::member::written_format`] chose.
    pub fn bytes_in(&self, format: u8) -> Vec<u8> {
        let mut last: Action = (None, None);
        let mut stored = |note: &Note| {
            let action = (note.action_id.clone(), note.action_type.clone());
            let is_same = action == last;
            last.clone_from(&action);
            StoredNote {
                at: (note.at != self.at).then(|| note.at.as_micros()),
                action: if is_same { StoredAction::Same } else { StoredAction::Other(action.0, action.1) },
                what: note.what,
                detail: note.detail.clone(),
            }
        };
        let notes = self.notes.iter().map(&mut stored).collect();
        let entry = StoredEntry { version: self.version, at: self.at.as_micros(), notes };
        [vec![format], crate::json::to_bytes(&entry)].concat()
    }

    /// `None` if the bytes have a newer format or are damaged: readers go on without them.
    pub fn from_bytes(bytes: &[u8]) -> Option<Entry> {
        let (format, json) = bytes.split_first()?;
        let (oldest, newest) = formats();
        if *format < oldest || *format > newest {
            return None;
        }
        let stored: StoredEntry = serde_json::from_slice(json).ok()?;
        let at = Timestamp::from_micros(stored.at);
        let mut last: Action = (None, None);
        let note = |note: StoredNote| {
            if let StoredAction::Other(id, kind) = note.action {
                last = (id, kind);
            }
            let (action_id, action_type) = last.clone();
            let at = note.at.map_or(at, Timestamp::from_micros);
            Note { at, action_id, action_type, what: note.what, detail: note.detail }
        };
        Some(Entry { version: stored.version, at, notes: stored.notes.into_iter().map(note).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn note(at: i64, action: Option<(&str, &str)>, what: NoteKind, detail: Value) -> Note {
        Note {
            at: Timestamp::from_micros(at),
            action_id: action.map(|action| action.0.to_owned()),
            action_type: action.map(|action| action.1.to_owned()),
            what,
            detail,
        }
    }

    fn entry() -> Entry {
        let (wait, menu) = (Some(("wait", "sleep")), Some(("menu", "digits_receive")));
        let notes = vec![
            note(5, None, NoteKind::Started, json!({ "type": "call.incoming" })),
            note(5, wait, NoteKind::Entered, Value::Null),
            note(5, wait, NoteKind::Completed, Value::Null),
            note(7, menu, NoteKind::Entered, Value::Null),
            note(5, None, NoteKind::NotesDropped, json!({ "count": 3 })),
        ];
        Entry { version: 9, at: Timestamp::from_micros(5), notes }
    }

    #[test]
    fn format_1_is_read_and_written_as_released() {
        let golden = concat!(
            r#"{"v":9,"t":5,"n":[{"w":"started","d":{"type":"call.incoming"}},{"a":["wait","sleep"],"w":"entered"},"#,
            r#"{"w":"completed"},{"t":7,"a":["menu","digits_receive"],"w":"entered"},"#,
            r#"{"a":[null,null],"w":"notes_dropped","d":{"count":3}}]}"#
        );
        let bytes = entry().bytes_in(1);
        assert_eq!((bytes[0], std::str::from_utf8(&bytes[1..])), (1, Ok(golden)));
        assert_eq!(Entry::from_bytes(&bytes), Some(entry()));
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let newer = entry().bytes_in(formats().1 + 1);
        for bytes in [&newer[..], b"", b"\x01", b"\x01{}", b"{}"] {
            assert_eq!(Entry::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
