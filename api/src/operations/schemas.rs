//! `GET /v1/schemas/flow`: the JSON Schema of flow documents.

use crate::state::AppState;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use std::sync::LazyLock;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(flow_schema))
}

static FLOW: LazyLock<String> = LazyLock::new(|| common::json::to_pretty_text(&flow::schema()));

/// Get the JSON Schema of flow documents
#[utoipa::path(
    get,
    path = "/v1/schemas/flow",
    operation_id = "getFlowSchema",
    tag = "flows",
    responses((status = 200, description = "JSON Schema, draft 2020-12", body = Object))
)]
async fn flow_schema() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/schema+json"), (CACHE_CONTROL, "no-cache")], FLOW.as_str())
}
