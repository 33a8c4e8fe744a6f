//! The carrier of the fault tests: callers who call, press digits and hang up, over plain AMQP.
//!
//! It knows docs/integrate.md and uses no code of the engine; the AMQP client is that of the crate `carrier`. It publishes
//! persistent events with confirms and repeats each message until the broker confirms it, remembers the ids of executed
//! commands, and reconnects when the broker dies.
//!
//! ```text
//! call::place_call ──Outgoing──► Link ──► signalbox.events             (confirmed, repeated)
//!        ▲
//!        └──Command── Gateway ◄── its own queue ◄── signalbox.commands (each id once)
//! ```

pub mod call;
pub mod event;
pub mod gateway;
pub mod link;
pub mod noise;
pub mod timeline;

pub use call::{Caller, DigitTiming};
pub use event::Outgoing;
pub use gateway::{Command, Gateway};
pub use link::Link;
pub use timeline::Timeline;
