//! Names of queues and metrics.

pub const EVENTS: &str = "signalbox.events";
pub const REJECTED: &str = "signalbox.rejected";
pub const UNROUTED: &str = "signalbox.unrouted";
pub const UNROUTED_DROPPED: &str = "signalbox_unrouted_dropped_total";
