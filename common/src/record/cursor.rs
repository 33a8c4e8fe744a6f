//! The body of a record: a format and the cursor as JSON, without what is stored once beside it.

use super::types::{ActiveflowSpec, formats};
use crate::ActiveflowId;
use flow::cursor::Identity;
use flow::{Cursor, FormatError};

impl ActiveflowSpec {
    /// The identity that the cursor of activeflow `id` has.
    pub fn identity(&self, id: ActiveflowId) -> Identity {
        Identity {
            activeflow_id: id.to_string(),
            customer_id: self.customer_id.clone(),
            reference_type: self.reference.kind.clone(),
            reference_id: self.reference.subject.clone(),
        }
    }
}

/// A cursor as the body of a record, in a format that [`crate::member::written_format`] chose.
pub fn cursor_bytes(cursor: &Cursor, format: u8) -> Vec<u8> {
    [vec![format], cursor.to_json()].concat()
}

/// Reads the cursor in `body`. `trigger` is the event that started it.
///
/// # Errors
/// The body or the event is damaged, or the body has a newer format than this binary reads.
pub fn read_cursor(
    id: ActiveflowId,
    spec: &ActiveflowSpec,
    body: &[u8],
    trigger: &[u8],
) -> Result<Cursor, FormatError> {
    let json = json_of(body)?;
    let trigger = serde_json::from_slice(trigger).map_err(|why| {
        FormatError::Damaged(format!("the event that started the activeflow cannot be read: {why}"))
    })?;
    Cursor::from_json(json, spec.identity(id), Some(trigger))
}

/// Reads the cursor in `body` without the event that started it.
///
/// # Errors
/// As [`read_cursor`].
pub fn read_cursor_alone(
    id: ActiveflowId,
    spec: &ActiveflowSpec,
    body: &[u8],
) -> Result<Cursor, FormatError> {
    Cursor::from_json(json_of(body)?, spec.identity(id), None)
}

fn json_of(body: &[u8]) -> Result<&[u8], FormatError> {
    let Some((found, json)) = body.split_first() else {
        return Err(FormatError::Damaged("the cursor has no bytes".into()));
    };
    let ((oldest, newest), found) = (formats(), *found);
    match found {
        _ if found > newest => Err(FormatError::Newer { found: found.into(), supported: newest.into() }),
        _ if found >= oldest => Ok(json),
        _ => Err(FormatError::Damaged(format!(
            "the cursor has format {found}, and the oldest that this binary reads is {oldest}"
        ))),
    }
}
