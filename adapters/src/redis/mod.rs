//! The state store on Redis 7: operations in Lua, many in one call; all keys of a shard are in one cluster slot.
//!
//! Every operation may be repeated with the same arguments after an unanswered call. A command that a dead connection
//! delivers late is refused by claim and version.

mod calls;
mod catalogue;
mod connections;
mod inspect;
mod install;
mod intake;
mod keys;
mod lookup;
mod members;
mod metrics;
mod reply;
mod scripts;
mod server;
mod settings;
mod store;
mod upkeep;
mod wakeups;
mod work;

pub use calls::CALL_QUEUES;
pub use connections::{TLS, is_away};
pub use inspect::{Facts, inspect};
pub use server::{Footprint, Server};
pub use settings::{Address, Settings};
pub use store::Store;
