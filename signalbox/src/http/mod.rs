//! The HTTP server of this process, for the REST interface and for health: every client is bounded in time and number.
//!
//! ```text
//! front.rs: a thread of its own ─► accept.rs: a slot for each connection, or the end of one that asks for nothing
//!                                    └► connection.rs, on the workers ─► stream.rs, body.rs: time limits ─► routes
//! ```
//! A busy worker never delays accepting or health. `troubles.rs` counts and logs what was refused or closed.

mod accept;
mod activity;
mod body;
mod connection;
pub mod descriptors;
mod front;
mod limits;
mod stream;
mod troubles;

#[cfg(test)]
mod tests;

pub use accept::{Server, serve};
pub use front::handle as front;
pub use limits::Limits;
