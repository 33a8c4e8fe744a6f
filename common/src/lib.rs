//! Types and rules that all roles share: identity, envelopes, records, and the ports to store and bus. No I/O.

pub mod address;
pub mod backoff;
pub mod cache;
pub mod command;
pub mod deliver;
pub mod event_metrics;
pub mod heartbeat;
pub mod identity;
pub mod journal;
pub mod json;
pub mod limits;
pub mod mask;
pub mod member;
pub mod ports;
pub mod printable;
pub mod record;
pub mod refusal;
pub mod retry;
pub mod store_time;
pub mod token;

pub use identity::{ActiveflowId, EventKey, FlowId, Shard};
pub use ports::error::{BusError, StoreError};
