//! Pitfalls of lapin, redis-rs, RabbitMQ and Redis, tested with the versions that Signalbox uses and on real servers. Each
//! test states the behaviour and the code that relies on it; `docs/pitfalls.md` lists them with the results.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod avoided;
mod harness;
mod rabbitmq_channels;
mod rabbitmq_confirms;
mod rabbitmq_silence;
mod redis_client;
mod redis_link;
mod redis_server;
