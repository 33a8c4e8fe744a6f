//! Derives the disposition of a claim from the state of its cursor.

use common::ports::work::Disposition;
use common::record::Entry;
use flow::Cursor;
use flow::cursor::{CursorState, Early};

/// The disposition of the claim, and the end reason if the activeflow has ended. Without a cursor it has not started.
pub fn after(cursor: Option<&Cursor>) -> (Disposition, Option<String>) {
    let Some(cursor) = cursor else {
        return (Disposition::Park { wait: 0, until: None }, None);
    };
    match cursor.state() {
        CursorState::Waiting { wait, until } => (Disposition::Park { wait, until }, None),
        CursorState::Yielded => (Disposition::Yield, None),
        CursorState::Ended(ending) => (Disposition::End { rest: redelivered(cursor) }, Some(ending.reason)),
    }
}

/// Early inputs that would start an activeflow. They are delivered again when the reference is free.
pub fn redelivered(cursor: &Cursor) -> Vec<Entry> {
    let starting = cursor.early().iter().filter(|early| early.start.is_some());
    let entry = |early: &Early| {
        let input = serde_json::to_vec(&early.event).ok()?;
        Some(Entry::Event { kind: early.event.kind.clone(), input, start: early.start.clone() })
    };
    starting.filter_map(entry).collect()
}
