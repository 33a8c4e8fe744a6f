//! `POST /v1/activeflows/{id}/stop`

use super::lookup::{Found, resource, unknown};
use crate::api::{Api, STORE_TIMEOUT};
use crate::auth::Caller;
use crate::idempotency::{IdempotencyKey, Replayed, reused};
use crate::problem::Problem;
use crate::resource::Activeflow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use common::ports::lookup::{ActiveflowSnapshot, ControlRequest, Controlled};
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
    params(
        ("id" = String, Path, format = Uuid, description = "The activeflow's id"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, description = "Names the request. Without it, too, a second request has no further effect")
    ),
    responses(
        (status = 200, description = "The activeflow has ended", body = Activeflow),
        (status = 202, description = "Accepted; the activeflow has not ended yet", body = Activeflow),
        (status = 404, body = Problem),
        (status = 422, description = "The Idempotency-Key was sent with another request", body = Problem)
    )
)]
pub async fn stop_activeflow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    key: IdempotencyKey,
    Found(found): Found,
) -> Result<(StatusCode, Replayed, Json<Activeflow>), Problem> {
    let (status, replayed, found) = stop(&api, &caller, key, found.id).await?;
    Ok((status, replayed, Json(resource(&api, &found).await?.with_variables(&found))))
}

/// Requests the end and waits for it, up to [`STORE_TIMEOUT`]. The status is 200 if the activeflow has ended, otherwise
/// 202.
///
/// # Errors
/// 404, 422 for a key of another request, or as [`Api::ask`].
pub async fn stop(
    api: &Api,
    caller: &Caller,
    IdempotencyKey(key): IdempotencyKey,
    id: ActiveflowId,
) -> Result<(StatusCode, Replayed, ActiveflowSnapshot), Problem> {
    let stop = Control::Stop;
    let controlled = match &key {
        Some(key) => {
            let request = ControlRequest::new(id, &caller.name, key, &stop);
            api.ask(|| api.ports.lookup.control_once(id, &stop, &request)).await?
        }
        None => api.ask(|| api.ports.lookup.control(id, &stop)).await?,
    };
    match controlled {
        Controlled::Unknown => return Err(unknown(id)),
        Controlled::IdReused => return Err(reused(&key.unwrap_or_default())),
        Controlled::Accepted | Controlled::Ended | Controlled::Repeated | Controlled::Void => {}
    }
    let replayed = Replayed(controlled == Controlled::Repeated);
    let deadline = api.ports.clock.monotonic() + STORE_TIMEOUT;
    loop {
        let found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
        if found.record.state == ActiveflowState::Ended {
            return Ok((StatusCode::OK, replayed, found));
        }
        if api.ports.clock.monotonic() >= deadline {
            return Ok((StatusCode::ACCEPTED, replayed, found));
        }
        api.ports.clock.sleep(POLL_INTERVAL).await;
    }
}
