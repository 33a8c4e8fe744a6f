//! `/v1/flows`: validates, deploys and shows flows.

mod deploy;
mod document;
mod read;
mod validate;

use crate::state::AppState;
use axum::extract::DefaultBodyLimit;
use flow::MAX_DOCUMENT_BYTES;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    // In a JSON string, every other character of the document may need an escape.
    let most = 3 * MAX_DOCUMENT_BYTES;
    OpenApiRouter::default()
        .routes(routes!(read::list_flows, deploy::deploy_flow))
        .routes(routes!(read::get_flow))
        .routes(routes!(validate::validate_flow))
        .layer(DefaultBodyLimit::max(most))
}
