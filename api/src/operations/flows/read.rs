//! `GET /v1/flows` and `GET /v1/flows/{id}`

use crate::api::Api;
use crate::auth::Caller;
use crate::extract::{Path, Query};
use crate::page::{self, Paging};
use crate::problem::Problem;
use crate::resource::Flow;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A customer's flows, by name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowPage {
    pub result: Vec<Flow>,
    /// Token for the next page; empty on the last page
    pub next_page_token: String,
    /// Generation of the definitions; counts publications
    pub generation: u64,
}

/// List a customer's flows, by name
#[utoipa::path(
    get,
    path = "/v1/flows",
    operation_id = "listFlows",
    tag = "flows",
    params(Paging),
    responses((status = 200, body = FlowPage))
)]
pub async fn list_flows(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<FlowPage>, Problem> {
    let size = page::size(paging.page_size)?;
    let definitions = api.definitions().await?;
    let own = definitions.flows.values().filter(|flow| flow.customer_id == caller.customer_id);
    let all =
        own.map(|flow| (format!("{}\0{}", flow.name.to_lowercase(), flow.id), Flow::of(flow, &definitions)));
    let (result, next_page_token) = page::cut(all.collect(), size, paging.page_token.as_deref())?;
    Ok(Json(FlowPage { result, next_page_token, generation: definitions.generation }))
}

/// Show one flow with its document
#[utoipa::path(
    get,
    path = "/v1/flows/{id}",
    operation_id = "getFlow",
    tag = "flows",
    params(("id" = String, Path, description = "The flow's id, or its name")),
    responses((status = 200, body = Flow), (status = 404, body = Problem))
)]
pub async fn get_flow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Flow>, Problem> {
    let definitions = api.definitions().await?;
    let by_id = definitions.flows.get(&id).filter(|flow| caller.may_see(&flow.customer_id));
    let found = by_id.or_else(|| {
        let name = id.to_lowercase();
        let mut own = definitions.flows.values().filter(|flow| flow.customer_id == caller.customer_id);
        own.find(|flow| flow.name.to_lowercase() == name)
    });
    let Some(flow) = found else {
        return Err(Problem::not_found(format!(
            "no flow has the id or name `{id}`; GET /v1/flows lists the deployed flows"
        )));
    };
    let document = api.document(&flow.bundle).await?;
    Ok(Json(Flow { document, ..Flow::of(flow, &definitions) }))
}
