//! `/v1.0/activeflows`: the v1.0 API, for existing clients.

use super::activeflows::lookup::{Found, resource, resources};
use super::activeflows::stop::stop;
use crate::api::Api;
use crate::auth::Caller;
use crate::extract::Query;
use crate::idempotency::IdempotencyKey;
use crate::page::{self, Page, Position};
use crate::problem::Problem;
use crate::resource::compat_v1_0::{ActiveflowV1_0, read_time, time};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(get)).routes(routes!(stop_one))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Paging {
    /// Maximum number of results
    #[param(minimum = 1, maximum = 200, default = 50)]
    page_size: Option<u32>,
    /// Only activeflows created before this time: `next_page_token` of the previous page
    #[param(example = "2023-04-02 13:43:30.576077")]
    page_token: Option<String>,
}

/// A page of activeflows, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
struct ActiveflowPageV1_0 {
    result: Vec<ActiveflowV1_0>,
    /// Token for the next page, a time; empty on the last page
    #[schema(example = "2023-04-02 13:43:30.576077")]
    next_page_token: String,
}

/// List a customer's activeflows, newest first
#[utoipa::path(
    get,
    path = "/v1.0/activeflows",
    operation_id = "listActiveflowV1_0s",
    tag = "v1.0",
    params(Paging),
    responses((status = 200, body = ActiveflowPageV1_0))
)]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<ActiveflowPageV1_0>, Problem> {
    let size = page::size(paging.page_size)?;
    let older_than = position(paging.page_token.as_deref())?;
    let customer = &caller.customer_id;
    let Page { mut found, mut next } = page::scan(&api, customer, older_than, size, |_| true).await?;
    // The token is only a time, so all activeflows created at the same time belong to the same page.
    while next.is_some() {
        let more = page::scan(&api, customer, next, page::MAX_PAGE_SIZE as usize, |_| true).await?;
        let last = found.last().map(|found| found.record.created);
        let tied = more.found.iter().take_while(|found| Some(found.record.created) == last).count();
        let is_past = tied < more.found.len();
        found.extend(more.found.into_iter().take(tied));
        if is_past {
            break;
        }
        next = more.next;
    }
    let last = found.last().filter(|_| next.is_some());
    let next_page_token = last.map_or_else(String::new, |found| time(found.record.created));
    let result = resources(&api, &found).await?.into_iter().map(ActiveflowV1_0::from).collect();
    Ok(Json(ActiveflowPageV1_0 { result, next_page_token }))
}

/// Show one activeflow
#[utoipa::path(
    get,
    path = "/v1.0/activeflows/{id}",
    operation_id = "getActiveflowV1_0",
    tag = "v1.0",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses((status = 200, body = ActiveflowV1_0), (status = 404, body = Problem))
)]
async fn get(State(api): State<Arc<Api>>, Found(found): Found) -> Result<Json<ActiveflowV1_0>, Problem> {
    Ok(Json(resource(&api, &found).await?.into()))
}

/// End an activeflow now
///
/// Waits up to 5 s for the end. An activeflow that has already ended is returned unchanged.
#[utoipa::path(
    post,
    path = "/v1.0/activeflows/{id}/stop",
    operation_id = "stopActiveflowV1_0",
    tag = "v1.0",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses(
        (status = 200, description = "The activeflow has ended", body = ActiveflowV1_0),
        (status = 202, description = "Accepted; the activeflow has not ended yet", body = ActiveflowV1_0),
        (status = 404, body = Problem)
    )
)]
async fn stop_one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Found(found): Found,
) -> Result<(StatusCode, Json<ActiveflowV1_0>), Problem> {
    // The v1.0 API has no keys of requests; a second stop has no further effect.
    let (status, _, found) = stop(&api, &caller, IdempotencyKey(None), found.id).await?;
    Ok((status, Json(resource(&api, &found).await?.into())))
}

/// The position before all activeflows created at that time.
fn position(token: Option<&str>) -> Result<Option<Position>, Problem> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let older_than = read_time(token).ok_or_else(|| {
        let detail = format!("`page_token`: `{token}` is not a time such as 2023-04-02 13:43:30.576077");
        Problem::bad_request("invalid_query", detail)
    })?;
    Ok(Some((older_than, ActiveflowId::from_bytes([0; 16]))))
}
