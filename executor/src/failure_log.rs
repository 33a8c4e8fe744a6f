//! Warnings about failed actions. A flow that fails at every event must not fill the log.

use common::ActiveflowId;
use common::mask::masked;
use common::record::FlowRef;
use flow::step::Note;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Warnings per interval. Further failures are counted.
const MAX_WARNINGS: u32 = 20;
const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct FailureLog(Mutex<Interval>);

#[derive(Debug, Default)]
struct Interval {
    since: Duration,
    warnings: u32,
    suppressed: u64,
}

impl FailureLog {
    /// `now` is the monotonic time.
    pub fn warn(&self, now: Duration, id: ActiveflowId, flow: &FlowRef, failure: &Note) {
        let Some(suppressed) = self.admit(now) else { return };
        if suppressed > 0 {
            tracing::warn!(suppressed, "More actions failed in the last minute than are logged");
        }
        let text = |key: &str| failure.detail[key].as_str().unwrap_or_default();
        tracing::warn!(
            activeflow_id = %id,
            flow_name = flow.name,
            action_id = failure.action_id,
            action_type = failure.action_type,
            code = text("code"),
            error = masked(text("message")),
            "Action failed"
        );
    }

    /// Whether to log now; then the number of failures of the last interval that were not logged.
    fn admit(&self, now: Duration) -> Option<u64> {
        let mut interval = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut suppressed = 0;
        if now.saturating_sub(interval.since) >= INTERVAL {
            suppressed = interval.suppressed;
            *interval = Interval { since: now, ..Interval::default() };
        }
        if interval.warnings == MAX_WARNINGS {
            interval.suppressed += 1;
            return None;
        }
        interval.warnings += 1;
        Some(suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_twenty_warnings_and_the_next_counts_the_rest() {
        let log = FailureLog::default();
        let admitted = (0..50).filter(|_| log.admit(Duration::from_secs(1)).is_some()).count();
        assert_eq!(admitted, 20);
        assert_eq!(log.admit(Duration::from_secs(62)), Some(30));
        assert_eq!(log.admit(Duration::from_secs(62)), Some(0));
    }
}
