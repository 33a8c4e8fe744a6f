//! Real servers and processes for tests: private, on loopback, on free ports, gone when the test is, whatever way it
//! ends.
#![expect(clippy::expect_used, reason = "a test that cannot have its servers stops here")]

pub mod broker;
pub mod folder;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod rabbit;
pub mod redis;

pub use process::{Process, Signal};
pub use proxy::{Hold, Proxy};
pub use rabbit::{Rabbit, RabbitOptions};
pub use redis::{Redis, RedisOptions};
