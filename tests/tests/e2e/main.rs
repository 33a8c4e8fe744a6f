//! End to end: the real binary against private servers, spoken to over AMQP as carriers and gateways do.

mod drain;
mod foreign_client;
mod golden_path;
mod paused_store;
mod privacy;
mod stage;
mod versions;
mod windows;
