//! Whether the broker confirms commands. While it does not, only a probe is claimed now and then.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Default)]
pub struct BrokerStatus {
    away: AtomicBool,
}

impl BrokerStatus {
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// A confirm arrived.
    pub fn confirmed(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("The broker confirms commands again; claiming resumed");
        }
    }

    /// A confirm did not arrive in time.
    pub fn overdue(&self) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!("The broker does not confirm commands; claiming suspended except for probes");
        }
    }
}
