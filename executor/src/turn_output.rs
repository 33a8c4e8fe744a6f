//! Output of one turn, and its limits. A turn with much output takes no further inputs: they wait for the next turn, and
//! nothing is lost. Only the journal is cut, and a single step with too many bytes of commands ends its activeflow.

use common::command::Message;
use flow::Timestamp;
use flow::step::{Note, NoteKind};
use serde_json::json;

/// Number of commands above which a turn is full.
const MAX_COMMANDS: usize = 1_000;
/// Bytes of commands above which a turn is full.
const MAX_BYTES: usize = 1024 * 1024;
/// Number of notes above which a turn is full and its journal entry is cut.
const MAX_NOTES: usize = 256;
/// Number of notes at the start of a journal entry that are never cut.
const FIRST_NOTES: usize = 200;
/// Maximum bytes of commands of one step.
const MAX_STEP_BYTES: usize = 4 * 1024 * 1024;

/// Commands and notes of a turn so far.
#[derive(Debug, Default)]
pub struct TurnOutput {
    pub commands: Vec<Message>,
    /// Stored form of `commands`.
    pub stored: Vec<Vec<u8>>,
    pub notes: Vec<Note>,
    bytes: usize,
}

impl TurnOutput {
    pub fn is_full(&self) -> bool {
        self.commands.len() > MAX_COMMANDS || self.bytes > MAX_BYTES || self.notes.len() > MAX_NOTES
    }

    /// Adds the output of one step.
    ///
    /// # Errors
    /// The step has too many bytes of commands. The turn must be dropped then.
    pub fn add(&mut self, commands: impl Iterator<Item = Message>, notes: Vec<Note>) -> Result<(), String> {
        let mut bytes = 0;
        for command in commands {
            let stored = command.to_bytes();
            bytes += stored.len();
            if bytes > MAX_STEP_BYTES {
                return Err(format!(
                    "one step produced more than {MAX_STEP_BYTES} bytes of commands, the last one a {}; add a wait to the flow or send less",
                    command.routing_key
                ));
            }
            self.stored.push(stored);
            self.commands.push(command);
        }
        self.bytes += bytes;
        self.notes.extend(notes);
        Ok(())
    }
}

/// The notes for the journal: all of them, or with the excess replaced by one note that counts it.
pub fn journal_notes(mut notes: Vec<Note>, at: Timestamp) -> Vec<Note> {
    if notes.len() <= MAX_NOTES {
        return notes;
    }
    let (kept, dropped): (Vec<Note>, Vec<Note>) =
        notes.drain(FIRST_NOTES..).partition(|note| NoteKind::LASTING.contains(&note.what));
    let earlier = notes.extract_if(.., |note| note.what == NoteKind::NotesDropped).collect::<Vec<_>>();
    let count: u64 = dropped.iter().chain(&earlier).map(weight).sum();
    notes.push(Note {
        at,
        action_id: None,
        action_type: None,
        what: NoteKind::NotesDropped,
        detail: json!({ "count": count }),
    });
    notes.extend(kept);
    notes
}

/// Number of notes that a note represents.
fn weight(note: &Note) -> u64 {
    if note.what == NoteKind::NotesDropped { note.detail["count"].as_u64().unwrap_or(1) } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::message;

    fn notes(what: NoteKind, count: usize) -> Vec<Note> {
        let note = Note {
            at: Timestamp::default(),
            action_id: None,
            action_type: None,
            what,
            detail: json!({ "count": 7 }),
        };
        vec![note; count]
    }

    #[test]
    fn a_turn_is_full_with_many_commands_bytes_or_notes() {
        let is_full = |commands: usize, body: usize, kept: usize| {
            let message = Message { body: "x".repeat(body), ..message(1) };
            let mut output = TurnOutput::default();
            output.add(std::iter::repeat_n(message, commands), notes(NoteKind::Entered, kept)).unwrap();
            output.is_full()
        };
        assert_eq!(
            [is_full(1_000, 10, 256), is_full(1_001, 10, 0), is_full(1, 10, 257)],
            [false, true, true]
        );
        assert_eq!([is_full(2, 510 * 1024, 0), is_full(2, 512 * 1024, 0)], [false, true]);
    }

    #[test]
    fn too_many_notes_are_counted_and_the_end_is_kept() {
        assert_eq!(journal_notes(notes(NoteKind::Entered, 256), Timestamp::default()).len(), 256);
        let all =
            [notes(NoteKind::Entered, 300), notes(NoteKind::NotesDropped, 1), notes(NoteKind::Ended, 1)]
                .concat();
        let kept = journal_notes(all, Timestamp::default());
        let last: Vec<_> = kept[199..].iter().map(|note| note.what).collect();
        assert_eq!(last, [NoteKind::Entered, NoteKind::NotesDropped, NoteKind::Ended]);
        assert_eq!(kept[200].detail, json!({ "count": 107 }));
    }
}
