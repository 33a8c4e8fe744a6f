//! Columns of an activeflow that several commands print.

use crate::output::text;
use serde_json::Value;

/// `ended (hangup)`.
pub fn state(row: &Value) -> String {
    match row["end_reason"].as_str() {
        Some(why) => format!("{} ({why})", text(&row["state"])),
        None => text(&row["state"]),
    }
}

/// `call:call-4711`, as `--reference` takes it.
pub fn reference(row: &Value) -> String {
    format!("{}:{}", text(&row["reference_type"]), text(&row["reference_id"]))
}

/// Id of the current action.
pub fn action(row: &Value) -> String {
    match row["current_action"]["id"].as_str() {
        Some(id) if id != NIL => id.to_owned(),
        _ => "-".to_owned(),
    }
}

/// `2 (invalid_destination)`: the number of failed actions and the code of the last one.
pub fn failed(row: &Value) -> String {
    match row["failed_actions"].as_u64() {
        None | Some(0) => "-".to_owned(),
        Some(count) => format!("{count} ({})", text(&row["last_failure"]["code"])),
    }
}

/// The nil id: no value.
const NIL: &str = "00000000-0000-0000-0000-000000000000";
