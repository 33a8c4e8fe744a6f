//! Reading of a cursor: the body of a record, with what is stored once beside it.

use super::types::ActiveflowSpec;
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
    let trigger = serde_json::from_slice(trigger).map_err(|why| {
        FormatError::Damaged(format!("the event that started the activeflow cannot be read: {why}"))
    })?;
    Cursor::from_bytes(body, spec.identity(id), Some(trigger))
}
