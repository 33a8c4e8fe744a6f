//! Configuration of the API.

use crate::hosts::AllowedHosts;
use tokio_util::sync::CancellationToken;

/// Configuration of the API.
#[derive(Clone, Debug)]
pub struct Config {
    pub keys: Vec<Key>,
    /// Hosts to which requests may be addressed.
    pub hosts: AllowedHosts,
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
    /// Name in the audit log.
    pub name: String,
    pub key: String,
    /// The customer whose flows and activeflows a request is about that names no other one.
    pub customer_id: String,
    /// Whether the key may select another customer with `?customer_id=`, and may use what belongs to the whole
    /// installation.
    pub is_for_all: bool,
    pub role: Role,
}

/// What a key may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look at everything.
    Read,
    /// Send events, take commands, and control activeflows.
    Operate,
    /// Deploy flows and change routes.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Read, Role::Operate, Role::Admin];

    /// The name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Operate => "operate",
            Role::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("key", &"***")
            .field("customer_id", &self.customer_id)
            .field("is_for_all", &self.is_for_all)
            .field("role", &self.role)
            .finish()
    }
}
