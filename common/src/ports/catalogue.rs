//! Deployed definitions, and the transitions of routes' windows.

use super::error::StoreError;
use async_trait::async_trait;
use flow::route::WindowTransition;
use flow::{Definitions, Timestamp};
use serde::{Deserialize, Serialize};

/// New definitions; their generation follows the current one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publication {
    pub definitions: Definitions,
    /// Bytes of the bundles that may be new, by hash.
    pub bundles: Vec<(String, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    Done,
    /// Another publication came first: read the definitions again and apply the change to them.
    Conflict {
        generation: u64,
    },
}

/// A route's window opened or closed.
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
    /// Time at which a scheduler recorded the transition.
    pub recorded_at: Timestamp,
    pub published: bool,
}

#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Stores the immutable bundles, then the definitions, then the generation of every shard.
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError>;

    /// Reads the definitions if they are newer than generation `than`. Before the first publication the generation is 0.
    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError>;

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads the store's time.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Records a transition once. Returns the record, which an earlier call may have made.
    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError>;

    /// Marks a recorded transition as published; changes nothing for others.
    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError>;

    /// Reads all recorded transitions, in the order of their times.
    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError>;
}
