//! Builds the Lua scripts: one for all operations on records, each a function, and two for definitions.
//!
//! ```text
//! #!lua  constants  keys.lua  record.lua  lanes.lua  lifecycle.lua  deliver() claim() commit() …  batch.lua
//! #!lua  constants  keys.lua                                                                      publish.lua
//! ```
//!
//! A script is loaded when the server does not know it.

use super::keys::DEDUP_BUCKETS;
use common::limits::{
    CLAIM_OVERDUE, DEAD_ID_RETENTION, DEATHS_ALONE, DEDUP_GENERATIONS, INBOX_BYTES, INBOX_ENTRIES,
    JOURNAL_ENTRIES, MESSAGE_WINDOW, SUSPECT_GROUP, SWEEP_BATCH,
};
use common::record::{
    EVENT_TAG, FORMAT, HEAD_BYTES, SPEC_BUNDLE_AT, SPEC_REFERENCE_AT, SPEC_TEXTS_AT, START_CLASS_AT,
    START_ID_AT, START_SPEC_AT, TIMER_TAG, TOKEN_AT, TRIGGER_TAG,
};
use common::token::{ID_BYTES, NONCE_BYTES};
use redis::Script;

pub struct Scripts {
    /// Performs operations on the records of a shard.
    pub batch: Script,
    pub publish: Script,
    pub raise_generation: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Scripts {
            batch: batch(),
            publish: assembled(&[include_str!("lua/publish.lua")]),
            raise_generation: assembled(&[include_str!("lua/raise_generation.lua")]),
        }
    }
}

/// The file of an operation is the body of a function of its arguments, which it calls ARGV.
fn batch() -> Script {
    let operations = [
        ("deliver", include_str!("lua/deliver.lua")),
        ("claim", include_str!("lua/claim.lua")),
        ("commit", include_str!("lua/commit.lua")),
        ("finish", include_str!("lua/finish.lua")),
        ("release", include_str!("lua/release.lua")),
        ("sweep", include_str!("lua/sweep.lua")),
        ("control", include_str!("lua/control.lua")),
        ("depth", include_str!("lua/depth.lua")),
    ];
    let functions = operations.map(|(name, body)| format!("{name} = function(ARGV)\n{body}\nend,"));
    assembled(&[
        include_str!("lua/record.lua"),
        include_str!("lua/lanes.lua"),
        include_str!("lua/lifecycle.lua"),
        &format!("local OPERATIONS = {{\n{}\n}}", functions.join("\n")),
        include_str!("lua/batch.lua"),
    ])
}

/// With the shebang, Redis refuses a script before it starts when memory is full or the server is read only.
fn assembled(parts: &[&str]) -> Script {
    let shared = [&constants(), include_str!("lua/keys.lua"), &parts.join("\n")].join("\n");
    Script::new(&["#!lua\n", &shared].concat())
}

/// Constants of the workspace that the scripts use, as one `local` statement.
fn constants() -> String {
    let constants: [(&str, u64); 25] = [
        ("FORMAT", FORMAT.into()),
        ("ID_BYTES", ID_BYTES as u64),
        ("NONCE_BYTES", NONCE_BYTES as u64),
        ("TOKEN_AT", TOKEN_AT as u64),
        ("HEAD_BYTES", HEAD_BYTES as u64),
        ("SPEC_REFERENCE_AT", SPEC_REFERENCE_AT as u64),
        ("SPEC_BUNDLE_AT", SPEC_BUNDLE_AT as u64),
        ("SPEC_TEXTS_AT", SPEC_TEXTS_AT as u64),
        ("START_ID_AT", START_ID_AT as u64),
        ("START_CLASS_AT", START_CLASS_AT as u64),
        ("START_SPEC_AT", START_SPEC_AT as u64),
        ("EVENT_TAG", EVENT_TAG.into()),
        ("TIMER_TAG", TIMER_TAG.into()),
        ("TRIGGER_TAG", TRIGGER_TAG.into()),
        ("INBOX_ENTRIES", INBOX_ENTRIES as u64),
        ("INBOX_BYTES", INBOX_BYTES as u64),
        ("JOURNAL_ENTRIES", JOURNAL_ENTRIES as u64),
        ("SUSPECT_GROUP", SUSPECT_GROUP.into()),
        ("DEATHS_ALONE", DEATHS_ALONE.into()),
        ("SWEEP_BATCH", SWEEP_BATCH as u64),
        ("DEDUP_GENERATIONS", DEDUP_GENERATIONS as u64),
        ("DEDUP_BUCKETS", DEDUP_BUCKETS.into()),
        ("CLAIM_OVERDUE_US", CLAIM_OVERDUE.as_micros() as u64),
        ("DEAD_ID_RETENTION_US", DEAD_ID_RETENTION.as_micros() as u64),
        ("MESSAGE_WINDOW_US", MESSAGE_WINDOW.as_micros() as u64),
    ];
    let names = constants.map(|(name, _)| name).join(", ");
    let values = constants.map(|(_, value)| value.to_string()).join(", ");
    format!("local {names} = {values}")
}
