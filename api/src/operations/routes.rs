//! `/v1/routes`: routes from addresses to flows.

use crate::api::Api;
use crate::auth::Caller;
use crate::catalogue::{self, Rollout};
use crate::extract::{Body, Path, Query};
use crate::page::{self, Paging};
use crate::problem::Problem;
use crate::publish::{
    InvalidAddress, RouteAddress, RouteChange, RouteChangeResult, close_route, place_route,
};
use crate::resource::{PlacedRoute, RouteResource};
use crate::state::AppState;
use axum::Json;
use axum::extract::State;
use common::ports::catalogue::Publication;
use flow::route::Window;
use flow::{Definitions, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(utoipa_axum::routes!(list_routes))
        .routes(utoipa_axum::routes!(put_route, delete_route))
}

/// A customer's routes, by address.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoutePage {
    pub result: Vec<RouteResource>,
    /// Token for the next page; empty on the last page
    pub next_page_token: String,
}

/// A route to create or replace.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteBody {
    /// The flow's name or id
    #[schema(example = "Support line")]
    pub flow: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_until: Option<Timestamp>,
    #[serde(default)]
    pub priority: i32,
}

/// A route that was created or replaced.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UpdatedRoute {
    #[serde(flatten)]
    pub route: PlacedRoute,
    pub generation: u64,
    /// Dispatchers that have loaded it
    pub live_on: Vec<String>,
    /// Dispatchers that have not loaded it within 5 s
    pub not_yet_on: Vec<String>,
}

/// Routes that were deleted.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoutesDeleted {
    /// Number of deleted routes; one address may have several routes with different windows
    pub deleted: u64,
    pub generation: u64,
    /// Dispatchers that have loaded it
    pub live_on: Vec<String>,
    /// Dispatchers that have not loaded it within 5 s
    pub not_yet_on: Vec<String>,
}

/// List a customer's routes, by address
#[utoipa::path(
    get,
    path = "/v1/routes",
    operation_id = "listRoutes",
    tag = "routes",
    params(Paging),
    responses((status = 200, body = RoutePage))
)]
async fn list_routes(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<RoutePage>, Problem> {
    let size = page::size(paging.page_size)?;
    let definitions = api.definitions().await?;
    let own = definitions
        .routes
        .iter()
        .filter(|route| route.customer_id == caller.customer_id && route.closed_at.is_none());
    let all = own.map(|route| {
        let from = route.window.active_from.map(|from| from.to_string()).unwrap_or_default();
        (format!("{}\0{from}", route.id), RouteResource::of(route, &definitions))
    });
    let (result, next_page_token) = page::cut(all.collect(), size, paging.page_token.as_deref())?;
    Ok(Json(RoutePage { result, next_page_token }))
}

/// Create or replace a route
///
/// Replaces the route that has the same address and the same start of its window, if there is one.
#[utoipa::path(
    put,
    path = "/v1/routes/{address}",
    operation_id = "putRoute",
    tag = "routes",
    params(("address" = String, Path, description = "Kind and address, percent-encoded", example = "call=+15550111")),
    request_body = RouteBody,
    responses((status = 200, body = UpdatedRoute))
)]
async fn put_route(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(address): Path<String>,
    Body(body): Body<RouteBody>,
) -> Result<Json<UpdatedRoute>, Problem> {
    let window = Window { active_from: body.active_from, active_until: body.active_until };
    let change = RouteChange { address: parse_address(&address)?, window, priority: body.priority };
    let published = catalogue::change(&api, &caller.customer_id, |current| {
        let placed = place_route(&current.definitions, &caller.customer_id, &body.flow, &change, current.now)
            .map_err(|error| Problem::unprocessable("invalid_route", error.to_string()))?;
        Ok(placed.map(|(definitions, placed)| (without_bundles(definitions), placed)))
    })
    .await?;
    let (generation, placed) = match published {
        Some(published) => published,
        None => (api.definitions().await?.generation, RouteChangeResult::Unchanged),
    };
    let Rollout { live_on, not_yet_on } = catalogue::wait_until_live(&api, generation).await?;
    let route = PlacedRoute::of(&change.address.to_string(), &placed);
    Ok(Json(UpdatedRoute { route, generation, live_on, not_yet_on }))
}

/// Delete the routes of an address
///
/// For seven days, the routes still apply to events that happened before the deletion.
#[utoipa::path(
    delete,
    path = "/v1/routes/{address}",
    operation_id = "deleteRoute",
    tag = "routes",
    params(("address" = String, Path, description = "Kind and address, percent-encoded", example = "call=+15550111")),
    responses((status = 200, body = RoutesDeleted), (status = 404, body = Problem))
)]
async fn delete_route(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(address): Path<String>,
) -> Result<Json<RoutesDeleted>, Problem> {
    let address = parse_address(&address)?;
    let published = catalogue::change(&api, &caller.customer_id, |current| {
        let (definitions, deleted) =
            close_route(&current.definitions, &caller.customer_id, &address, current.now)
                .map_err(|error| Problem::not_found(error.to_string()))?;
        Ok(Some((without_bundles(definitions), deleted)))
    })
    .await?;
    let (generation, deleted) = published.unwrap_or_default();
    let Rollout { live_on, not_yet_on } = catalogue::wait_until_live(&api, generation).await?;
    Ok(Json(RoutesDeleted { deleted: deleted as u64, generation, live_on, not_yet_on }))
}

fn parse_address(address: &str) -> Result<RouteAddress, Problem> {
    address.parse().map_err(|error: InvalidAddress| Problem::bad_request("invalid_path", error.to_string()))
}

/// A publication without new bundles.
fn without_bundles(definitions: Definitions) -> Publication {
    Publication { definitions, bundles: Vec::new() }
}
