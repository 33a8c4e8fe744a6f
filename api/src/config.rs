//! Configuration of the API.

use tokio_util::sync::CancellationToken;

/// Configuration of the API.
#[derive(Clone, Debug)]
pub struct Config {
    pub keys: Vec<Key>,
    /// For `GET /v1/status`: `embedded` or `redis`.
    pub store: &'static str,
    /// For `GET /v1/status`: `embedded` or `amqp`.
    pub bus: &'static str,
    /// Maximum number of entries in each shard's feed (`engine.feed_length`).
    pub feed_length: u32,
    /// Cancellation ends all streams.
    pub shutdown: CancellationToken,
}

/// An API key, sent as `Authorization: Bearer KEY` or `?token=KEY`.
#[derive(Clone)]
pub struct Key {
    pub key: String,
    /// The customer whose flows and activeflows the key gives access to.
    pub customer_id: String,
    /// Whether the key may select another customer with `?customer_id=`.
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
