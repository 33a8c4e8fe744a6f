//! `/v1/events/rejected`: events that could not be used; look at them, publish them again, remove them.

use crate::auth::Caller;
use crate::extract::{Body, Query};
use crate::problem::Problem;
use crate::state::Api;
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

pub fn routes() -> OpenApiRouter<Arc<Api>> {
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
    /// How many at most
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// An event that could not be used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedEvent {
    #[schema(required = true, example = "7c1e")]
    pub message_id: Option<String>,
    /// Stable, for programs
    #[schema(example = "missing_field")]
    pub reason: String,
    #[schema(example = "`source` is missing; send a name of the system that publishes")]
    pub message: String,
    /// The event as JSON, or as text where it is none
    #[schema(value_type = Value)]
    pub body: Value,
    /// As it came: routing key, headers
    pub original: BTreeMap<String, String>,
}

/// Rejected events, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectedEvents {
    pub result: Vec<RejectedEvent>,
}

/// Which ones: those of these message ids, or all.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectedSelection {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["7c1e"]))]
    pub ids: BTreeSet<String>,
    #[serde(default)]
    pub all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// To how many it was done
    pub count: u64,
}

/// List rejected events, oldest first; they stay where they are
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
    caller: Caller,
    Query(listing): Query<Listing>,
) -> Result<Json<RejectedEvents>, Problem> {
    caller.must_be_admin("rejected events")?;
    let limit = listing.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` is {limit}, expected 1 to {MAX_LIMIT}");
        return Err(Problem::bad_request("invalid_query", detail));
    }
    let rejected = api.ports.rejects.list(limit as usize).await?;
    Ok(Json(RejectedEvents { result: rejected.into_iter().map(shown).collect() }))
}

/// Publish rejected events again, as they were, after what was wrong is mended
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
    caller: Caller,
    Body(named): Body<RejectedSelection>,
) -> Result<Json<Count>, Problem> {
    caller.must_be_admin("rejected events")?;
    let count = api.ports.rejects.replay(&selection(named)?).await?;
    Ok(Json(Count { count: count as u64 }))
}

/// Remove rejected events for good
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
    caller: Caller,
    Body(named): Body<RejectedSelection>,
) -> Result<Json<Count>, Problem> {
    caller.must_be_admin("rejected events")?;
    let count = api.ports.rejects.discard(&selection(named)?).await?;
    Ok(Json(Count { count: count as u64 }))
}

fn selection(named: RejectedSelection) -> Result<Selection, Problem> {
    match (named.all, named.ids.is_empty()) {
        (true, true) => Ok(Selection::All),
        (false, false) => Ok(Selection::MessageIds(named.ids)),
        _ => Err(Problem::unprocessable(
            "invalid_body",
            "send either `ids` with at least one id, or `all`: true",
        )),
    }
}

fn shown(rejected: Rejected) -> RejectedEvent {
    let Rejected { reason, message, body, original } = rejected;
    let body = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    RejectedEvent { message_id: original.get("message_id").cloned(), reason, message, body, original }
}
