//! Real servers and processes for tests: private, on free ports of the loopback interface, and stopped when the test ends in
//! any way.
#![expect(clippy::expect_used, reason = "a test fails if its servers cannot start")]

pub mod broker;
pub mod folder;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod rabbit;
pub mod raw_amqp;
pub mod redis;

pub use process::{Process, Signal};
pub use proxy::{Hold, Proxy};
pub use rabbit::{Rabbit, RabbitOptions};
pub use redis::{Redis, RedisOptions};
