//! Every operation, one file each. What makes a route here also documents it.

pub mod activeflows;
mod events;
mod rejected;
mod root;
mod status;

use crate::state::Api;
use axum::extract::DefaultBodyLimit;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// What needs no key.
pub fn open() -> OpenApiRouter<Arc<Api>> {
    root::routes()
}

/// What needs a key.
pub fn guarded() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .merge(activeflows::routes())
        .merge(rejected::routes())
        .merge(status::routes())
        .merge(crate::live::routes())
        .layer(DefaultBodyLimit::max(SMALL_BODY))
        .merge(events::routes())
}

/// Bodies that only name something.
const SMALL_BODY: usize = 64 * 1024;
