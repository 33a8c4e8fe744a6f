//! Eager starts: an executor runs what the dispatcher of its own process starts, without a claim request.

use super::intake::Deliver;
use crate::store_time::StoreTime;
use crate::token::Token;
use std::sync::Arc;

/// Places at the executor of this process.
pub trait EagerStarts: Send + Sync {
    /// A place for the activeflow that `event` would start as the owner of its reference, if the executor has room.
    fn place(self: Arc<Self>, event: &Deliver) -> Option<Box<dyn Place>>;
}

/// A place for one activeflow. If it is dropped before its outcome is known, the store may have claimed the activeflow: the executor
/// releases it.
pub trait Place: Send + Sync {
    /// The token for [`Deliver::eager`].
    fn token(&self) -> Token;

    /// The store claimed the activeflow that `event` started, at `time`.
    fn begin(self: Box<Self>, event: &Deliver, time: StoreTime);

    /// Nothing was claimed.
    fn give_back(self: Box<Self>);
}
