//! The next generation of the definitions.

use flow::Timestamp;
use flow::definitions::Definitions;

/// Retention of a deleted route, in milliseconds, so that late events are still routed by their own time.
pub const CLOSED_ROUTE_RETENTION_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// The next generation, without routes whose retention has passed.
pub fn next(current: &Definitions, now: Timestamp) -> Definitions {
    let mut next = current.clone();
    next.generation += 1;
    next.routes.retain(|route| {
        route.closed_at.is_none_or(|closed| now < closed.plus_millis(CLOSED_ROUTE_RETENTION_MS))
    });
    next
}
