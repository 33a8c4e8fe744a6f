//! A bundle: a compiled flow with every subroutine that it can call, and its stored bytes.
//!
//! The bytes are a format byte and the JSON of the documents, without the parts that the engine ignores (`layout`,
//! `tests`). The same documents give the same bytes, whatever their white space and order of keys.

use super::flow::Flow;
use crate::class::Class;
use crate::json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The first byte of a bundle that this binary writes.
pub const FORMAT: u8 = 1;
/// The oldest format that this binary reads.
pub const OLDEST_FORMAT: u8 = 1;

/// A compiled flow with its subroutines: immutable, shared, and fixed for the whole run of an activeflow.
#[derive(Debug)]
pub struct Bundle {
    bytes: Vec<u8>,
    document: Value,
    hash: String,
    main: Flow,
    /// The subroutines, by the id or name that calls them.
    flows: BTreeMap<String, Flow>,
    heard_by_actions: BTreeSet<&'static str>,
    hears: BTreeSet<String>,
}

/// Content of the bytes after the format byte.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBundle {
    pub main: String,
    pub document: Value,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subroutines: BTreeMap<String, Value>,
}

impl Bundle {
    /// The bundle of compiled flows. `stored` are their documents.
    pub(crate) fn assemble(main: Flow, flows: BTreeMap<String, Flow>, stored: &StoredBundle) -> Bundle {
        let mut bytes = vec![FORMAT];
        bytes.extend(json::to_bytes(stored));
        let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let nodes = std::iter::once(&main).chain(flows.values()).flat_map(|flow| &flow.nodes);
        let heard_by_actions: BTreeSet<&str> = nodes.flat_map(|node| node.action.hears()).copied().collect();
        let mut hears: BTreeSet<String> = heard_by_actions.iter().map(|kind| (*kind).to_owned()).collect();
        if let Some(trigger) = &main.trigger {
            hears.insert(trigger.clone());
            if trigger.starts_with("call.") {
                hears.insert("call.hangup".to_owned());
            }
        }
        let document = stored.document.clone();
        Bundle { bytes, document, hash, main, flows, heard_by_actions, hears }
    }

    /// The same bundle with the bytes that it was read from.
    pub(crate) fn with_bytes(self, bytes: &[u8]) -> Bundle {
        Bundle { bytes: bytes.to_vec(), ..self }
    }

    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hex of the SHA-256 of the bytes.
    pub fn hash(&self) -> String {
        self.hash.clone()
    }

    /// Upper estimate of the memory that the bundle takes, in bytes, for caches.
    pub fn memory(&self) -> usize {
        // The documents are held as bytes, as JSON, as options for display and as compiled options.
        self.bytes.len().saturating_mul(32)
    }

    /// The main flow's document; its text compiles to the same bundle.
    pub fn document(&self) -> &Value {
        &self.document
    }

    pub fn flow_id(&self) -> &str {
        &self.main.key
    }

    pub fn name(&self) -> &str {
        &self.main.name
    }

    pub fn trigger(&self) -> Option<&str> {
        self.main.trigger.as_deref()
    }

    pub fn class(&self) -> Class {
        self.main.class
    }

    /// Every event type that the trigger and the actions consume, without `command.*`, which is addressed by id.
    pub fn hears(&self) -> BTreeSet<String> {
        self.hears.clone()
    }

    /// Whether an action consumes events of this type.
    pub(crate) fn actions_hear(&self, kind: &str) -> bool {
        self.heard_by_actions.contains(kind)
    }

    pub(crate) fn main(&self) -> &Flow {
        &self.main
    }

    /// The main flow, then its subroutines.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Flow> {
        std::iter::once(&self.main).chain(self.flows.values())
    }

    pub(crate) fn flow(&self, key: &str) -> Option<&Flow> {
        if key == self.main.key { Some(&self.main) } else { self.flows.get(key) }
    }
}
