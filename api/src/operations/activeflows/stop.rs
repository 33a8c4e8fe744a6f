//! `POST /v1/activeflows/{id}/stop`

use super::lookup::{Found, resource, unknown};
use crate::api::{Api, STORE_TIMEOUT};
use crate::problem::Problem;
use crate::resource::Activeflow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use common::ports::lookup::{ActiveflowSnapshot, Controlled};
use common::ports::work::Control;
use common::record::State as ActiveflowState;
use std::sync::Arc;
use std::time::Duration;

/// Interval between checks whether the activeflow has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// End an activeflow now
///
/// Waits up to 5 s for the end. An activeflow that has already ended is returned unchanged.
#[utoipa::path(
    post,
    path = "/v1/activeflows/{id}/stop",
    operation_id = "stopActiveflow",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses(
        (status = 200, description = "The activeflow has ended", body = Activeflow),
        (status = 202, description = "Accepted; the activeflow has not ended yet", body = Activeflow),
        (status = 404, body = Problem)
    )
)]
pub async fn stop_activeflow(
    State(api): State<Arc<Api>>,
    Found(found): Found,
) -> Result<(StatusCode, Json<Activeflow>), Problem> {
    let (status, found) = stop(&api, found.id).await?;
    Ok((status, Json(resource(&api, &found).await?.with_variables(&found))))
}

/// Requests the end and waits for it, up to [`STORE_TIMEOUT`]. The status is 200 if the activeflow has ended, otherwise
/// 202.
///
/// # Errors
/// 404, or as [`Api::ask`].
pub async fn stop(api: &Api, id: ActiveflowId) -> Result<(StatusCode, ActiveflowSnapshot), Problem> {
    if api.ask(|| api.ports.lookup.control(id, &Control::Stop)).await? == Controlled::Unknown {
        return Err(unknown(id));
    }
    let deadline = api.ports.clock.monotonic() + STORE_TIMEOUT;
    loop {
        let found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
        if found.record.state == ActiveflowState::Ended {
            return Ok((StatusCode::OK, found));
        }
        if api.ports.clock.monotonic() >= deadline {
            return Ok((StatusCode::ACCEPTED, found));
        }
        api.ports.clock.sleep(POLL_INTERVAL).await;
    }
}
