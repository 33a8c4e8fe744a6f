//! `/v1/flows`: validates, deploys and shows flows.

mod deploy;
mod read;
mod validate;

use crate::state::Api;
use axum::extract::DefaultBodyLimit;
use flow::MAX_DOCUMENT_BYTES;
use flow::finding::Finding;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use deploy::{DeployRequest, Deployed, PlacedRoute, RouteRequest};
pub use read::FlowPage;
pub use validate::{Findings, ValidateRequest};

pub fn routes() -> OpenApiRouter<Arc<Api>> {
    // In a JSON string, every other character of the document may need an escape.
    let most = 3 * MAX_DOCUMENT_BYTES;
    OpenApiRouter::default()
        .routes(routes!(read::list_flows, deploy::deploy_flow))
        .routes(routes!(read::get_flow))
        .routes(routes!(validate::validate_flow))
        .layer(DefaultBodyLimit::max(most))
}

/// A flow's document: as JSON, or as the text of a file. Findings have line numbers only for a text.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Document {
    Text(String),
    #[schema(value_type = Object)]
    Json(Map<String, Value>),
}

impl Document {
    fn text(&self) -> String {
        match self {
            Document::Text(text) => text.clone(),
            Document::Json(fields) => common::json::to_text(fields),
        }
    }

    /// Removes line numbers from findings if the client did not send the document as text.
    fn locate(&self, findings: Vec<Finding>) -> Vec<Finding> {
        match self {
            Document::Text(_) => findings,
            Document::Json(_) => {
                findings.into_iter().map(|finding| Finding { line: 0, column: 0, ..finding }).collect()
            }
        }
    }
}
