//! Monotonic time as an argument: the real clock in production, a hand-moved one in tests.

use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;

    async fn sleep(&self, duration: Duration);
}
