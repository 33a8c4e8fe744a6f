//! What is deployed: flows by id with the bundle that new activeflows pin, and routes. One value, one generation.

use crate::route::{Address, Route};
use crate::{Class, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A deployed flow: what the dispatcher needs to start it without opening its bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    pub id: String,
    pub name: String,
    pub customer_id: String,
    /// Counts deployments of this flow from 1.
    pub version: u32,
    /// Lower-case hex of the SHA-256 of the bundle's bytes.
    pub bundle: String,
    /// The event that starts it; `None` is a subroutine.
    pub trigger: Option<String>,
    pub class: Class,
    /// Every event type that its trigger and actions can take.
    pub hears: BTreeSet<String>,
    pub deployed_at: Timestamp,
}

/// Everything that is deployed, under one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    pub generation: u64,
    pub flows: BTreeMap<String, Deployed>,
    pub routes: Vec<Route>,
}

impl Definitions {
    /// The route that `address` takes at `at`, with its flow. Precedence: exact, longer prefix, priority, latest `active_from`.
    /// A route whose flow is missing, or whose flow's trigger is not `event_type`, does not match.
    pub fn route(&self, address: &Address, event_type: &str, at: Timestamp) -> Option<(&Route, &Deployed)> {
        let _ = (address, event_type, at);
        None
    }
}
