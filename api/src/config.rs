//! What the binary tells the API about this installation.

use tokio_util::sync::CancellationToken;

/// Who may ask, and where what is asked for lies.
#[derive(Clone, Debug)]
pub struct Config {
    pub keys: Vec<Key>,
    /// For `GET /v1/status`: `embedded` or `redis`.
    pub store: &'static str,
    /// For `GET /v1/status`: `embedded` or `amqp`.
    pub bus: &'static str,
    /// Entries that the store keeps of each shard's feed (`engine.feed_length`).
    pub feed_length: u32,
    /// Streams end with it.
    pub shutdown: CancellationToken,
}

/// A key that is presented as `Authorization: Bearer KEY` or `?token=KEY`.
#[derive(Clone)]
pub struct Key {
    pub key: String,
    /// Whose flows and activeflows it is about.
    pub customer_id: String,
    /// May name another customer with `?customer_id=`.
    pub is_admin: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("key", &"***")
            .field("customer_id", &self.customer_id)
            .field("is_admin", &self.is_admin)
            .finish()
    }
}
