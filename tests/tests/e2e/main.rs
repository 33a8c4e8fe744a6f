//! End to end: the real binary against private servers, spoken to over AMQP as carriers and gateways do.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test tells what went wrong by panicking")]

mod bench;
mod demo;
mod doctor;
mod drain;
mod embedded;
mod foreign_client;
mod golden_path;
mod mixed;
mod paused_store;
mod privacy;
mod simulate;
mod solo;
mod stage;
mod versions;
mod windows;
mod wrong_input;
