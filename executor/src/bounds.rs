//! What one turn may ask for. A turn that asks for much takes no more: what is left is for the next turn, nothing is
//! lost. Only the journal is cut, and a step that alone asks for more than any store should keep ends its activeflow.

use common::command::Message;
use flow::Timestamp;
use flow::step::{Note, NoteKind};
use serde_json::json;

/// With more commands, bytes of commands or notes than this, a turn is full.
const COMMANDS: usize = 1_000;
const BYTES: usize = 1024 * 1024;
const NOTES: usize = 256;
/// Of more notes than [`NOTES`], the first ones and those in [`NoteKind::LASTING`] are kept.
const NOTES_KEPT: usize = 200;
/// Bytes of commands that one step may ask for.
const STEP_BYTES: usize = 4 * 1024 * 1024;

/// What a turn has asked for so far.
#[derive(Debug, Default)]
pub struct Asked {
    pub commands: Vec<Message>,
    /// The commands as they are stored.
    pub stored: Vec<Vec<u8>>,
    pub notes: Vec<Note>,
    bytes: usize,
}

impl Asked {
    pub fn is_full(&self) -> bool {
        self.commands.len() > COMMANDS || self.bytes > BYTES || self.notes.len() > NOTES
    }

    /// Adds what one step asks for.
    ///
    /// # Errors
    /// A sentence: it is too much for one step. Nothing is to be kept then.
    pub fn add(&mut self, commands: impl Iterator<Item = Message>, notes: Vec<Note>) -> Result<(), String> {
        let mut bytes = 0;
        for command in commands {
            let stored = command.to_bytes();
            bytes += stored.len();
            if bytes > STEP_BYTES {
                return Err(format!(
                    "one step asks for more than {STEP_BYTES} bytes of commands, the last one a {}; let the flow wait in between or send less",
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

/// The notes that go into the journal.
pub fn kept(mut notes: Vec<Note>, at: Timestamp) -> Vec<Note> {
    if notes.len() <= NOTES {
        return notes;
    }
    let (lasting, dropped): (Vec<Note>, Vec<Note>) =
        notes.drain(NOTES_KEPT..).partition(|note| NoteKind::LASTING.contains(&note.what));
    let earlier = notes.extract_if(.., |note| note.what == NoteKind::NotesDropped).collect::<Vec<_>>();
    let count: u64 = dropped.iter().chain(&earlier).map(weight).sum();
    notes.push(Note {
        at,
        action_id: None,
        action_type: None,
        what: NoteKind::NotesDropped,
        detail: json!({ "count": count }),
    });
    notes.extend(lasting);
    notes
}

/// A note that stands for many dropped ones counts as these.
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
        let asked = |commands: usize, body: usize, kept: usize| {
            let message = Message { body: "x".repeat(body), ..message(1) };
            let mut asked = Asked::default();
            asked.add(std::iter::repeat_n(message, commands), notes(NoteKind::Entered, kept)).unwrap();
            asked.is_full()
        };
        assert_eq!([asked(1_000, 10, 256), asked(1_001, 10, 0), asked(1, 10, 257)], [false, true, true]);
        assert_eq!([asked(2, 510 * 1024, 0), asked(2, 512 * 1024, 0)], [false, true]);
    }

    #[test]
    fn too_many_notes_are_counted_and_the_end_is_kept() {
        assert_eq!(kept(notes(NoteKind::Entered, 256), Timestamp::default()).len(), 256);
        let all =
            [notes(NoteKind::Entered, 300), notes(NoteKind::NotesDropped, 1), notes(NoteKind::Ended, 1)]
                .concat();
        let kept = kept(all, Timestamp::default());
        let last: Vec<_> = kept[199..].iter().map(|note| note.what).collect();
        assert_eq!(last, [NoteKind::Entered, NoteKind::NotesDropped, NoteKind::Ended]);
        assert_eq!(kept[200].detail, json!({ "count": 107 }));
    }
}
