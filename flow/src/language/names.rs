//! Variable names that the engine sets.

/// Root names that a flow cannot use for its own variables.
pub const RESERVED: &[&str] =
    &["call", "message", "sim", "event", "activeflow", "flow", "customer", "actions", "error", "voipbin"];
