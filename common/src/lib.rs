//! What the roles agree on: identity, envelopes, records, and the ports through which they see the world. No I/O.

pub mod address;
pub mod answer;
pub mod attempt;
pub mod command;
pub mod deliver;
pub mod heartbeat;
pub mod identity;
pub mod journal;
pub mod mask;
pub mod member;
pub mod ports;
pub mod record;
pub mod store_time;

pub use identity::{ActiveflowId, EventKey, FlowId, Shard};
pub use ports::error::{BusError, StoreError};
