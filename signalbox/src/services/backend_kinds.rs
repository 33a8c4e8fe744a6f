//! The kinds of the backends, which follow from the settings.

use crate::config::Config;

/// Kind of each backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendKinds {
    /// `embedded` or `redis`.
    pub store: &'static str,
    /// `embedded` or `amqp`.
    pub bus: &'static str,
}

impl BackendKinds {
    pub fn of(config: &Config) -> BackendKinds {
        BackendKinds {
            store: if config.redis.url.is_empty() { "embedded" } else { "redis" },
            bus: if config.amqp.url.is_empty() { "embedded" } else { "amqp" },
        }
    }

    /// Whether one of them is embedded.
    pub fn has_data_folder(self) -> bool {
        self.store == "embedded" || self.bus == "embedded"
    }
}
