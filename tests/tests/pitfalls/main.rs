//! Pitfalls of lapin, redis-rs, RabbitMQ and Redis, tried on the versions that we build with and on real servers. Each
//! test names the claim and the place of ours that relies on it; `docs/pitfalls.md` is the list, with what was seen.

#![expect(clippy::unwrap_used, reason = "a test tells what went wrong by panicking")]

mod avoided;
mod harness;
mod rabbitmq_channels;
mod rabbitmq_confirms;
mod rabbitmq_silence;
mod redis_client;
mod redis_link;
mod redis_server;
