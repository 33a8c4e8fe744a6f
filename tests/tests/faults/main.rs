//! Faults on real processes and real servers. One executable; each test needs redis-server and rabbitmq-server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod carrier;
mod chaos;
mod upgrade;
