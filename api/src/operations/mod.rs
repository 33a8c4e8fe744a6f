//! The operations. The lines that create a route also document it.

pub mod activeflows;
mod compat_v1_0;
mod events;
mod flows;
mod rejected;
mod root;
mod routes;
mod status;

pub use activeflows::{ActiveflowPage, Forward, Journal, JournalEntry, JournalNote};
pub use events::{EventAnswer, EventOutcome, EventRefused, EventResult, EventsAnswer};
pub use flows::{
    DeployRequest, Deployed, Document, Findings, FlowPage, PlacedRoute, RouteRequest, ValidateRequest,
};
pub use rejected::{Count, RejectedEvent, RejectedEvents, RejectedSelection};
pub use routes::{RouteBody, RoutePage, RouteSet, RoutesDeleted};
pub use status::{DepthStatus, MemberStatus, Status};

use crate::state::Api;
use axum::extract::DefaultBodyLimit;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// Operations that need no key.
pub fn open() -> OpenApiRouter<Arc<Api>> {
    root::routes()
}

/// Operations that need a key.
pub fn guarded() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .merge(activeflows::routes())
        .merge(compat_v1_0::routes())
        .merge(rejected::routes())
        .merge(routes::routes())
        .merge(status::routes())
        .merge(crate::live::routes())
        .layer(DefaultBodyLimit::max(SMALL_BODY))
        .merge(events::routes())
        .merge(flows::routes())
}

/// Maximum size of most bodies, in bytes.
const SMALL_BODY: usize = 64 * 1024;
