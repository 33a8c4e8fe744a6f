//! The operations. The lines that create a route also document it.

mod activeflows;
mod commands;
mod compat_v1_0;
mod events;
mod flows;
mod rejected;
mod root;
mod routes;
mod schemas;
mod status;

use crate::state::AppState;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;

/// Operations that need no key.
pub fn open() -> OpenApiRouter<AppState> {
    root::routes()
}

/// Operations that need a key.
pub fn guarded() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .merge(activeflows::routes())
        .merge(compat_v1_0::routes())
        .merge(rejected::routes())
        .merge(routes::routes())
        .merge(schemas::routes())
        .merge(status::routes())
        .merge(commands::routes())
        .layer(DefaultBodyLimit::max(SMALL_BODY))
        .merge(events::routes())
        .merge(flows::routes())
}

/// Maximum size of most bodies, in bytes.
const SMALL_BODY: usize = 64 * 1024;
