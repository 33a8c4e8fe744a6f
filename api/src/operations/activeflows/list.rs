//! `GET /v1/activeflows`

use super::lookup::resources;
use crate::api::Api;
use crate::auth::Caller;
use crate::extract::Query;
use crate::filter::Filter;
use crate::page::{self, Page, Paging};
use crate::problem::Problem;
use crate::resource::Activeflow;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A page of activeflows, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ActiveflowPage {
    pub result: Vec<Activeflow>,
    /// Token for the next page; empty on the last page. A short or empty page may still have a next page.
    pub next_page_token: String,
}

/// List a customer's activeflows, newest first
#[utoipa::path(
    get,
    path = "/v1/activeflows",
    operation_id = "listActiveflows",
    tag = "activeflows",
    params(Filter, Paging),
    responses((status = 200, body = ActiveflowPage))
)]
pub async fn list_activeflows(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(filter): Query<Filter>,
    Query(paging): Query<Paging>,
) -> Result<Json<ActiveflowPage>, Problem> {
    let size = page::size(paging.page_size)?;
    let older_than = page::position(paging.page_token.as_deref())?;
    let Page { found, next } =
        page::scan(&api, &caller.customer_id, older_than, size, |found| filter.matches(found)).await?;
    let result = resources(&api, &found).await?;
    Ok(Json(ActiveflowPage { result, next_page_token: page::token(next) }))
}
