//! `GET /`, and the documents `GET /openapi.json` (REST) and `GET /asyncapi.json` (AMQP).

use crate::asyncapi as messages;
use crate::state::{AppState, OpenApiText};
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(root)).routes(routes!(openapi)).routes(routes!(asyncapi))
}

/// Name and version of the service.
#[derive(Serialize, ToSchema)]
struct Root {
    #[schema(example = "signalbox")]
    name: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    links: Links,
}

/// Links to the main resources.
#[derive(Serialize, ToSchema)]
struct Links {
    #[schema(example = "/openapi.json")]
    openapi: &'static str,
    #[schema(example = "/asyncapi.json")]
    asyncapi: &'static str,
    #[schema(example = "/v1/status")]
    status: &'static str,
    #[schema(example = "/v1/activeflows")]
    activeflows: &'static str,
}

/// Show name, version and links
#[utoipa::path(get, path = "/", operation_id = "root", tag = "service", responses((status = 200, body = Root)))]
async fn root() -> Json<Root> {
    let links = Links {
        openapi: "/openapi.json",
        asyncapi: "/asyncapi.json",
        status: "/v1/status",
        activeflows: "/v1/activeflows",
    };
    Json(Root { name: "signalbox", version: env!("CARGO_PKG_VERSION"), links })
}

/// Get the OpenAPI document
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn openapi(State(OpenApiText(text)): State<OpenApiText>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text())
}

/// Get the AsyncAPI document of the AMQP messages
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    operation_id = "asyncapi",
    tag = "service",
    responses((status = 200, description = "AsyncAPI 3.0", body = Object))
)]
async fn asyncapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], messages::text())
}
