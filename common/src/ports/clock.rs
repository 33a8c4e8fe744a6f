//! Time and randomness as arguments: real in production, seeded in a simulation.

use async_trait::async_trait;
use std::time::Duration;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Time since some fixed moment of this process. Never goes back.
    fn monotonic(&self) -> Duration;

    async fn sleep(&self, duration: Duration);

    /// Draws a unique id.
    fn draw(&self) -> uuid::Uuid {
        uuid::Uuid::new_v4()
    }
}
