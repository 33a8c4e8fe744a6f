//! What operators see of a process: metrics and health, at `ops.listen`.

mod health;
mod listener;
mod process;
mod readiness;
mod service;

pub use process::install_metrics;
pub use readiness::{Readiness, ReadinessConfig};
pub use service::Operations;
