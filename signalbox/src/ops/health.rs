//! Health of a process over its life: before its roles run, what it waits for; afterwards, the checks of readiness.

use super::readiness::{Check, Readiness};
use crate::services::Startup;
use std::sync::OnceLock;

#[derive(Default)]
pub struct Health {
    pub startup: Startup,
    readiness: OnceLock<Readiness>,
}

impl Health {
    /// The roles run from now on.
    pub fn roles_run(&self, readiness: Readiness) {
        // A process starts its roles once.
        let _ = self.readiness.set(readiness);
    }

    /// Runs all checks.
    pub async fn check(&self) -> Vec<Check> {
        match self.readiness.get() {
            Some(readiness) => readiness.check().await,
            None => {
                let (name, why) = self.startup.awaited();
                vec![Check::failed(name, why)]
            }
        }
    }
}
