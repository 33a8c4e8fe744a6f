//! The mechanism of live streams: changes of activeflows, and commands for gateways without AMQP.
//!
//! ```text
//! feeds of the shards ─► broadcast.rs: one task while streams are open ─► listener.rs: each client's filter and offset
//!                          └ feed.rs: read, look up, render once           └ sse.rs: the response
//! queue of commands ──────────────────────────────────────────────────► command_stream.rs
//! ```
//! An event's id contains the client's offset in every feed (`offset.rs`), so any API process can resume the stream.

mod broadcast;
pub mod command_stream;
mod feed;
pub mod listener;
mod offset;
pub mod sse;
mod stream_limiter;
mod streams;

pub use streams::Streams;
