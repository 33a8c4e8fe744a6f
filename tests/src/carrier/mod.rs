//! A simulated carrier with its gateway: callers who ring, press digits and hang up, over plain AMQP.
//!
//! It knows what `interface.md` tells every carrier and nothing else: no code of the engine is used here. It publishes
//! persistent events with confirms and repeats the same message until the broker confirms it, remembers the command
//! ids it has carried out, and comes back by itself when the broker dies.
//!
//! ```text
//! call::ring ──Outgoing──► Link ──► signalbox.events            (confirmed, repeated)
//!     ▲                                                          
//!     └──Command── Gateway ◄── its own queue ◄── signalbox.commands (each id once)
//! ```

pub mod call;
pub mod dice;
pub mod event;
pub mod gateway;
pub mod link;
pub mod noise;
pub mod timeline;

pub use call::{Caller, Moment};
pub use dice::Dice;
pub use event::Outgoing;
pub use gateway::{Command, Gateway};
pub use link::Link;
pub use timeline::Timeline;
