//! One shard of the model: the part of the store that one operation may touch.

mod activeflow;
mod control;
mod deliver;
mod invariants;
mod lanes;
mod lookup;
mod sent;
mod settle;
mod state;
mod sweep;
mod used;
mod work;

pub(crate) use activeflow::ActiveflowEntry;
pub(crate) use state::{Head, ShardState, feed_position};
