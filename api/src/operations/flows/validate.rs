//! `POST /v1/flows/validate`

use super::Document;
use crate::extract::Body;
use crate::problem::Problem;
use crate::resource::FindingResource;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A document to look at.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"document": {"schema": "signalbox.flow/v1", "name": "Support line", "actions": []}}))]
pub struct ValidateRequest {
    pub document: Document,
}

/// What is wrong with a document; nothing if the list is empty.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Findings {
    pub findings: Vec<FindingResource>,
}

/// Say everything that is wrong with a document
///
/// Whether the flows that it calls exist is looked at when it is deployed.
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
    let findings = document.placed(flow::validate(&document.text()));
    Ok(Json(Findings { findings: findings.iter().map(FindingResource::from).collect() }))
}
