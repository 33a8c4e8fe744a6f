//! Whether confirms come. While they do not, nothing is claimed but a probe.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Default)]
pub struct Broker {
    away: AtomicBool,
}

impl Broker {
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    pub fn confirmed(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("The broker confirms commands again; claiming goes on");
        }
    }

    pub fn overdue(&self) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!("The broker does not confirm commands; claiming only a probe now and then");
        }
    }
}
