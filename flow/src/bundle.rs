//! A bundle: the main flow's version closed over every subroutine it can call, compiled and hashed.

use crate::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// Which lane an activeflow travels in; voice goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Class {
    Voice = 0,
    Chat = 1,
    Forms = 2,
    Service = 3,
}

/// What an activeflow pins: immutable, compiled once, shared.
pub struct Bundle {
    bytes: Vec<u8>,
}

impl Bundle {
    /// Compiles `main` (its flow id and document text) with the documents of `subroutines` (by flow id and by name).
    ///
    /// # Errors
    /// Every finding of severity error, of the main document first.
    pub fn compile(
        main: (&str, &str),
        subroutines: &BTreeMap<String, String>,
    ) -> Result<Bundle, Vec<Finding>> {
        let _ = (main, subroutines);
        Err(Vec::new())
    }

    /// # Errors
    /// What is wrong with bytes that [`Bundle::to_bytes`] did not make, or a newer format than this binary reads.
    pub fn from_bytes(bytes: &[u8]) -> Result<Bundle, String> {
        Ok(Bundle { bytes: bytes.to_vec() })
    }

    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hex of the SHA-256 of the bytes.
    pub fn hash(&self) -> String {
        String::new()
    }

    pub fn flow_id(&self) -> &str {
        ""
    }

    pub fn name(&self) -> &str {
        ""
    }

    pub fn trigger(&self) -> Option<&str> {
        None
    }

    pub fn class(&self) -> Class {
        Class::Voice
    }

    pub fn hears(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
}
