//! The model: the whole state store in plain ordered maps, one function per operation. Other adapters are compared with
//! it, and the simulation runs on it. [`crate::embedded`] is the same with a disk behind it.

mod clocks;
pub(crate) mod dedup;
mod limits;
pub(crate) mod model;
mod persistence;
mod ports;
pub(crate) mod shard;
mod store;
pub(crate) mod time;
pub(crate) mod tracked;
mod wakeups;

pub use clocks::{Clocks, MachineClocks, ManualClocks};
pub use limits::Limits;
pub use model::Model;
pub use persistence::{ChangeTracker, NoPersistence, Persistence};
pub use store::Store;
pub use time::ManualTime;
pub(crate) use wakeups::BroadcastWakeups;
