//! `GET /v1/activeflows/{id}`

use super::{find, show};
use crate::auth::Caller;
use crate::extract::Path;
use crate::problem::Problem;
use crate::resource::Activeflow;
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

/// Show one activeflow with its variables
#[utoipa::path(
    get,
    path = "/v1/activeflows/{id}",
    operation_id = "getActiveflow",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses((status = 200, body = Activeflow), (status = 404, body = Problem))
)]
pub async fn get_activeflow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Activeflow>, Problem> {
    let found = find(&api, &caller, &id).await?;
    Ok(Json(show(&api, &found).await?.with_variables(&found)))
}
