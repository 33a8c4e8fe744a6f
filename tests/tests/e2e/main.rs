//! End-to-end tests: the real binary and private servers. The tests act as carriers and gateways, over AMQP or REST.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod away;
mod bench;
mod clients;
mod demo;
mod doctor;
mod embedded;
mod foreign_client;
mod full_memory;
mod golden_path;
mod harness;
mod lost_answers;
mod mixed;
mod paused_store;
mod privacy;
mod real_life;
mod shutdown;
mod simulate;
mod standalone;
mod standby;
mod tls;
mod versions;
mod windows;
mod wrong_input;
