//! Builds the Lua scripts: one for all operations on records, each a function, and two for definitions.
//!
//! ```text
//! #!lua  keys.lua  record.lua  lanes.lua  lifecycle.lua  deliver() claim() commit() …  batch.lua
//! #!lua  keys.lua                                                                      publish.lua
//! ```
//!
//! Names in capitals are constants of this workspace, written in here. A script is loaded when the server does not know it.

use super::keys;
use common::limits::{
    CLAIM_OVERDUE, DEAD_ID_RETENTION, DEATHS_ALONE, DEDUP_GENERATIONS, INBOX_BYTES, INBOX_ENTRIES,
    JOURNAL_ENTRIES, MESSAGE_WINDOW, SUSPECT_GROUP, SWEEP_BATCH,
};
use common::record::{
    EVENT_TAG, HEAD_BYTES, SPEC_BUNDLE_AT, SPEC_REFERENCE_AT, SPEC_TEXTS_AT, START_CLASS_AT, START_ID_AT,
    START_SPEC_AT, TIMER_TAG, TOKEN_AT, TRIGGER_TAG,
};
use common::token::{ID_BYTES, NONCE_BYTES};
use redis::Script;
use std::collections::HashMap;

pub struct Scripts {
    /// Performs operations on the records of shards.
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

/// The operations on records, each a file: the body of a function of its arguments, which it calls ARGV.
const OPERATIONS: [(&str, &str); 8] = [
    ("deliver", include_str!("lua/deliver.lua")),
    ("claim", include_str!("lua/claim.lua")),
    ("commit", include_str!("lua/commit.lua")),
    ("finish", include_str!("lua/finish.lua")),
    ("release", include_str!("lua/release.lua")),
    ("sweep", include_str!("lua/sweep.lua")),
    ("control", include_str!("lua/control.lua")),
    ("depth", include_str!("lua/depth.lua")),
];

fn batch() -> Script {
    let functions = OPERATIONS.map(|(name, body)| format!("{name} = function(ARGV)\n{body}\nend,"));
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
    let source = [include_str!("lua/keys.lua"), &parts.join("\n")].join("\n");
    Script::new(&["#!lua\n", &with_constants(&source)].concat())
}

/// Writes the constants into the source. As locals of the script, each would cost time in every call: Lua makes the functions
/// anew, and binds every local that they use.
fn with_constants(source: &str) -> String {
    let constants = constants();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let words = source.as_bytes().chunk_by(|one, next| is_part(*one) == is_part(*next));
    let mut written = String::with_capacity(source.len());
    for word in words.map(|word| std::str::from_utf8(word).unwrap_or_default()) {
        written.push_str(constants.get(word).map_or(word, String::as_str));
    }
    written
}

/// Constants of the workspace, and the names of keys, as Lua writes them.
fn constants() -> HashMap<&'static str, String> {
    let numbers: [(&str, u64); 24] = [
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
        ("DEDUP_BUCKETS", keys::DEDUP_BUCKETS.into()),
        ("CLAIM_OVERDUE_US", CLAIM_OVERDUE.as_micros() as u64),
        ("DEAD_ID_RETENTION_US", DEAD_ID_RETENTION.as_micros() as u64),
        ("MESSAGE_WINDOW_US", MESSAGE_WINDOW.as_micros() as u64),
    ];
    let texts = keys::OF_SCRIPTS.iter().map(|(name, key)| (*name, format!("'{key}'")));
    numbers.map(|(name, number)| (name, number.to_string())).into_iter().chain(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_constant_of_a_script_has_its_value() {
        let written =
            with_constants("local HEAD = HEAD_BYTES + 1 -- (OWNERS)\nredis.call('GET', P .. OWNERS)");
        let expected =
            format!("local HEAD = {HEAD_BYTES} + 1 -- (':owners')\nredis.call('GET', P .. ':owners')");
        assert_eq!(written, expected);
    }

    #[test]
    fn every_constant_is_used_by_a_script() {
        let sources = [
            include_str!("lua/keys.lua"),
            include_str!("lua/record.lua"),
            include_str!("lua/lanes.lua"),
            include_str!("lua/lifecycle.lua"),
            include_str!("lua/publish.lua"),
            include_str!("lua/raise_generation.lua"),
        ];
        let sources = OPERATIONS.iter().map(|(_, source)| *source).chain(sources).collect::<String>();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words: HashSet<&str> = sources.split(|c| !is_part(c)).collect();
        let unused: Vec<_> = constants().into_keys().filter(|name| !words.contains(name)).collect();
        assert_eq!(unused, [""; 0]);
    }
}
