//! `POST /v1/flows/validate`

use super::document::Document;
use crate::extract::Body;
use crate::problem::Problem;
use crate::resource::FindingResource;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A document to validate.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"document": {"schema": "signalbox.flow/v1", "name": "Support line", "actions": []}}))]
pub struct ValidateRequest {
    pub document: Document,
}

/// Errors and warnings; empty if the document is valid.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    pub findings: Vec<FindingResource>,
}

/// Validate a document without deploying it
///
/// Does not check that the flows it calls exist; deployment does.
#[utoipa::path(
    post,
    path = "/v1/flows/validate",
    operation_id = "validateFlow",
    tag = "flows",
    request_body = ValidateRequest,
    responses((status = 200, body = Findings))
)]
pub async fn validate_flow(
    Body(ValidateRequest { document }): Body<ValidateRequest>,
) -> Result<Json<Findings>, Problem> {
    let findings = document.locate(flow::validate(&document.text()));
    Ok(Json(Findings { findings: findings.iter().map(FindingResource::from).collect() }))
}
