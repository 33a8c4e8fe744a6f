//! What a change of the definitions comes to: definitions in, publication out. No I/O; whoever publishes reads again
//! and repeats the change when another publication came first.

mod address;
mod deploy;
mod routes;

pub use address::RouteAddress;
pub use deploy::{Deployment, Effect, Refused, deploy};
pub use routes::{Placed, RouteChange, close_route, place_route};

use flow::Timestamp;
use flow::definitions::Definitions;

/// A deleted route stays published this long, so that late events are judged by their own time.
pub const CLOSED_ROUTES_KEPT_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// The next generation, without the routes that were deleted long ago.
fn next(current: &Definitions, now: Timestamp) -> Definitions {
    let mut next = current.clone();
    next.generation += 1;
    next.routes
        .retain(|route| route.closed_at.is_none_or(|closed| now < closed.plus_millis(CLOSED_ROUTES_KEPT_MS)));
    next
}
