//! `/v1/events/rejected`: lists, replays and discards rejected events.

use crate::api::Api;
use crate::extract::{Body, Query};
use crate::problem::Problem;
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use common::ports::rejects::{Rejected, Selection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_rejected))
        .routes(routes!(replay_rejected))
        .routes(routes!(discard_rejected))
}

const LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listing {
    /// Maximum number of results
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// An event that was rejected.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedEvent {
    /// Id of this entry, for `replay` and `discard`
    #[schema(example = "3f0c6e19a2b47d58")]
    pub id: String,
    #[schema(required = true, example = "7c1e")]
    pub message_id: Option<String>,
    /// Stable code for programs
    #[schema(example = "missing_field")]
    pub reason: String,
    #[schema(example = "`source` is missing; send a name of the system that publishes")]
    pub message: String,
    /// The event as JSON, or as text if it is not valid JSON; of a body over 64 KiB only the beginning
    #[schema(value_type = Value)]
    pub body: Value,
    /// Size of the whole body
    pub bytes: u64,
    /// Original routing key and headers
    pub original: BTreeMap<String, String>,
}

/// Rejected events, oldest first. A list ends early after 8 MiB of bodies.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedEvents {
    pub result: Vec<RejectedEvent>,
}

/// Selected rejected events: by the ids of entries or message ids, or all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectedSelection {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["3f0c6e19a2b47d58"]))]
    pub ids: BTreeSet<String>,
    #[serde(default)]
    pub all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// Number of affected events
    pub count: u64,
}

/// List rejected events, oldest first, without removing them
#[utoipa::path(
    get,
    path = "/v1/events/rejected",
    operation_id = "listRejectedEvents",
    tag = "events",
    params(Listing),
    responses((status = 200, body = RejectedEvents))
)]
async fn list_rejected(
    State(api): State<Arc<Api>>,
    Query(listing): Query<Listing>,
) -> Result<Json<RejectedEvents>, Problem> {
    let limit = listing.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` is {limit}, expected 1 to {MAX_LIMIT}");
        return Err(Problem::bad_request("invalid_query", detail));
    }
    let rejected = api.ports.rejects.list(limit as usize).await?;
    Ok(Json(RejectedEvents { result: rejected.into_iter().map(to_resource).collect() }))
}

/// Publish rejected events again, unchanged, after the cause is fixed
#[utoipa::path(
    post,
    path = "/v1/events/rejected/replay",
    operation_id = "replayRejectedEvents",
    tag = "events",
    request_body = RejectedSelection,
    responses((status = 200, body = Count))
)]
async fn replay_rejected(
    State(api): State<Arc<Api>>,
    Body(selected): Body<RejectedSelection>,
) -> Result<Json<Count>, Problem> {
    let count = api.ports.rejects.replay(&selection(selected)?).await?;
    Ok(Json(Count { count: count as u64 }))
}

/// Delete rejected events permanently
#[utoipa::path(
    post,
    path = "/v1/events/rejected/discard",
    operation_id = "discardRejectedEvents",
    tag = "events",
    request_body = RejectedSelection,
    responses((status = 200, body = Count))
)]
async fn discard_rejected(
    State(api): State<Arc<Api>>,
    Body(selected): Body<RejectedSelection>,
) -> Result<Json<Count>, Problem> {
    let count = api.ports.rejects.discard(&selection(selected)?).await?;
    Ok(Json(Count { count: count as u64 }))
}

fn selection(selected: RejectedSelection) -> Result<Selection, Problem> {
    match (selected.all, selected.ids.is_empty()) {
        (true, true) => Ok(Selection::All),
        (false, false) => Ok(Selection::Ids(selected.ids)),
        _ => Err(Problem::unprocessable(
            "invalid_body",
            "send either `ids` with at least one id, or `all`: true",
        )),
    }
}

fn to_resource(rejected: Rejected) -> RejectedEvent {
    let Rejected { id, reason, message, body, size, original } = rejected;
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    let message_id = original.get("message_id").cloned();
    RejectedEvent { id, message_id, reason, message, body, bytes: size as u64, original }
}
