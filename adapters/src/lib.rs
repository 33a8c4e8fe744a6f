//! Adapters: one module per technology, each implementing ports of `common`.

pub mod amqp;
pub mod clock;
pub mod embedded;
pub mod memory;
pub mod redis;
