//! Time and chance as arguments: the real ones in production, those of a seed in a simulation.

use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;

    async fn sleep(&self, duration: Duration);

    /// Sixteen bytes that nobody else draws.
    fn draw(&self) -> uuid::Uuid {
        uuid::Uuid::new_v4()
    }
}
