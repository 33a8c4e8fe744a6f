//! An independent ledger: what was asked of the engine, what it said, and whether the two agree.
//!
//! It never asks the engine anything. It reads a queue of its own that is bound to every command, takes the carrier's
//! word for which calls were confirmed by the broker, interprets the flow by itself ([`flow`]), and at the end drains
//! the rejected and unrouted queues. Bodies are kept as hashes: fifty thousand calls take some megabytes.
//!
//! It promises to find: a command that is missing, one that nobody asked for, copies that differ, commands out of
//! order, a call that was started twice, and anything in the rejected or unrouted queue that has no explanation.

pub mod flow;
pub mod reader;
pub mod run_log;
pub mod verdict;

pub use flow::{Asked, CallScript, Flow};
pub use run_log::{Received, RunLog};
pub use verdict::{Verdict, Violation};
