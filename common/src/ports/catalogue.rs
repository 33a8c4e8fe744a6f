//! What is deployed, and the transitions of windows.

use super::error::StoreError;
use async_trait::async_trait;
use flow::route::WindowTransition;
use flow::{Definitions, Timestamp};
use serde::{Deserialize, Serialize};

/// A new generation: `definitions.generation` is the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    pub definitions: Definitions,
    /// Bytes of the bundles that it names and that may be new, by hash.
    pub bundles: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Done,
    /// Another publication came first: read the definitions again and apply the change to those.
    Conflict {
        generation: u64,
    },
}

/// A window of a route opened or closed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RouteTransition {
    pub route_id: String,
    pub transition: WindowTransition,
    /// Start or end of the window.
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTransitionRecord {
    #[serde(flatten)]
    pub transition: RouteTransition,
    /// When a scheduler recorded it.
    pub recorded_at: Timestamp,
    pub published: bool,
}

#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Immutable bundles first, then definitions, then every shard's generation.
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError>;

    /// The definitions, if they are newer than generation `than`; `None` when not. Nothing published yet is generation 0.
    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError>;

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The store's time.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Records a transition once; answers with the record that stands.
    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError>;

    /// Of a transition that was recorded; another changes nothing.
    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError>;

    /// The history of transitions, in order of their times.
    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError>;
}
