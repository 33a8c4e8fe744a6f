//! Publishing: one task owns a connection and its channel. Messages are sent in the order of the calls of
//! [`Publisher::send`], with up to 1,000 unconfirmed messages at a time.
//!
//! ```text
//!          connected                   a confirm is late, or the channel or connection fails
//! opening ───────────► serving ───────────────────────────────────────────────────────────► opening
//!    │ waiting messages expire  └ the broker blocks: nothing is sent, waiting messages expire
//! ```
//!
//! Rejected events have a task of their own (`rejections.rs`): it also notices that their queue does not exist.
//!
//! When a connection ends, every unsettled message is `Unconfirmed`, including messages that were not sent: they would
//! otherwise overtake messages that their senders repeat.

mod pending;
mod publisher;
mod rejections;
mod task;

pub(super) use publisher::Publisher;
