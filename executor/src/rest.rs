//! What becomes of a claim, read from where the cursor rests.

use common::ports::work::After;
use common::record::Entry;
use flow::Cursor;
use flow::cursor::{CursorState, Early};

/// What becomes of a claim whose cursor stands here, and the reason if it has ended.
pub fn rest_of(cursor: Option<&Cursor>) -> (After, Option<String>) {
    let Some(cursor) = cursor else {
        return (After::Park { wait: 0, until: None }, None);
    };
    match cursor.state() {
        CursorState::Waiting { wait, until } => (After::Park { wait, until }, None),
        CursorState::Yielded => (After::Yield, None),
        CursorState::Ended(ending) => (After::End { rest: handed_on(cursor) }, Some(ending.reason)),
    }
}

/// Early inputs that would start something are delivered again when the reference is free.
pub fn handed_on(cursor: &Cursor) -> Vec<Entry> {
    let starting = cursor.early().iter().filter(|early| early.start.is_some());
    let entry = |early: &Early| {
        let input = common::json::to_bytes(&early.event);
        Entry::Event { kind: early.event.kind.clone(), input, start: early.start.clone() }
    };
    starting.map(entry).collect()
}
