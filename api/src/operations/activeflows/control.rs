//! `POST /v1/activeflows/{id}/pause`, `/resume`, `/retry`, `/continue`, `/forward`

use super::lookup::{Found, find, resource, unknown};
use crate::api::Api;
use crate::auth::Caller;
use crate::extract::{Body, Path};
use crate::idempotency::{IdempotencyKey, Replayed, reused};
use crate::problem::{Problem, STORE_AWAY};
use crate::resource::Activeflow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use common::ports::lookup::{ActiveflowSnapshot, ControlRequest, Controlled};
use common::ports::work::Control;
use common::record::State as ActiveflowState;
use flow::preview;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The action to jump to.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// An action of the activeflow's flow
    #[schema(example = "sales")]
    pub action_id: String,
}

type Answer = Result<(StatusCode, Replayed, Json<Activeflow>), Problem>;

macro_rules! operation {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $control:expr) => {
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $id,
            tag = "activeflows",
            params(
                ("id" = String, Path, format = Uuid, description = "The activeflow's id"),
                ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, description = "Names the request: with the same key again it has no further effect")
            ),
            responses(
                (status = 202, description = "Accepted; a worker will execute it. With `Idempotency-Replayed: true` it was accepted before", body = Activeflow),
                (status = 404, body = Problem),
                (status = 409, description = "The activeflow has ended, or is in a state that does not allow this", body = Problem),
                (status = 422, description = "The Idempotency-Key was sent with another request", body = Problem)
            )
        )]
        pub async fn $name(
            State(api): State<Arc<Api>>,
            caller: Caller,
            key: IdempotencyKey,
            Found(found): Found,
        ) -> Answer {
            let control = $control;
            let objection = must_be_useful(&found, &control).err();
            request(&api, &caller, &found, &control, key, objection).await
        }
    };
}

operation!(
    /// Pause an activeflow; its inputs are stored until it resumes
    pause_activeflow, "/v1/activeflows/{id}/pause", "pauseActiveflow", Control::Pause
);
operation!(
    /// Resume a paused activeflow
    resume_activeflow, "/v1/activeflows/{id}/resume", "resumeActiveflow", Control::Resume
);
operation!(
    /// Retry a quarantined activeflow, in isolation
    retry_activeflow, "/v1/activeflows/{id}/retry", "retryActiveflow", Control::Retry
);
operation!(
    /// End the current wait as if it had been satisfied
    continue_activeflow, "/v1/activeflows/{id}/continue", "continueActiveflow", Control::Continue
);

/// Jump to another action at the next step
#[utoipa::path(
    post,
    path = "/v1/activeflows/{id}/forward",
    operation_id = "forwardActiveflow",
    tag = "activeflows",
    params(
        ("id" = String, Path, format = Uuid, description = "The activeflow's id"),
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 128, description = "Names the request: with the same key again it has no further effect")
    ),
    request_body = Forward,
    responses(
        (status = 202, description = "Accepted; a worker will execute it. With `Idempotency-Replayed: true` it was accepted before", body = Activeflow),
        (status = 404, body = Problem),
        (status = 409, description = "The activeflow has ended", body = Problem),
        (status = 422, description = "The action does not exist, or the Idempotency-Key was sent with another request", body = Problem)
    )
)]
pub async fn forward_activeflow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    key: IdempotencyKey,
    Path(id): Path<String>,
    Body(Forward { action_id }): Body<Forward>,
) -> Answer {
    let found = find(&api, &caller, &id).await?;
    let control = Control::Forward { action_id };
    let objection = match must_be_useful(&found, &control) {
        Ok(()) => unknown_action(&api, &found, &control).await?,
        Err(problem) => Some(problem),
    };
    request(&api, &caller, &found, &control, key, objection).await
}

/// Stores the control. An `objection` refuses it, unless it was accepted before with the same key.
async fn request(
    api: &Api,
    caller: &Caller,
    found: &ActiveflowSnapshot,
    control: &Control,
    IdempotencyKey(key): IdempotencyKey,
    objection: Option<Problem>,
) -> Answer {
    let id = found.id;
    let controlled = match (&key, control) {
        (Some(key), _) => {
            let request = ControlRequest::new(id, &caller.name, key, control);
            let request = ControlRequest { is_void: objection.is_some(), ..request };
            api.ask(|| api.ports.lookup.control_once(id, control, &request)).await?
        }
        (None, _) if objection.is_some() => Controlled::Void,
        (None, Control::Continue | Control::Forward { .. }) => without_retry(api, id, control).await?,
        (None, _) => api.ask(|| api.ports.lookup.control(id, control)).await?,
    };
    match controlled {
        Controlled::Unknown => Err(unknown(id)),
        Controlled::Ended => Err(ended(found, control)),
        Controlled::Void => Err(objection.unwrap_or_else(|| ended(found, control))),
        Controlled::IdReused => Err(reused(&key.unwrap_or_default())),
        Controlled::Accepted | Controlled::Repeated => {
            let found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
            let resource = resource(api, &found).await?.with_variables(&found);
            Ok((StatusCode::ACCEPTED, Replayed(controlled == Controlled::Repeated), Json(resource)))
        }
    }
}

/// Calls the store without a retry, because a repeated request without a key would jump twice.
async fn without_retry(api: &Api, id: ActiveflowId, control: &Control) -> Result<Controlled, Problem> {
    api.ports.lookup.control(id, control).await.map_err(|error| {
        if !error.is_transient() {
            return error.into();
        }
        let detail = format!(
            "{error}. Check the current action of activeflow {id} before you try again: a second request jumps again. With an Idempotency-Key, trying again is safe"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, STORE_AWAY, detail)
    })
}

/// Rejects a request that would have no effect in the current state.
fn must_be_useful(found: &ActiveflowSnapshot, control: &Control) -> Result<(), Problem> {
    let state = found.record.state;
    let needed = match control {
        _ if state == ActiveflowState::Ended => return Err(ended(found, control)),
        Control::Resume if found.control != Some(Control::Pause) => ActiveflowState::Paused,
        Control::Retry => ActiveflowState::Quarantined,
        _ => return Ok(()),
    };
    if needed == state {
        return Ok(());
    }
    Err(Problem::conflict(format!(
        "activeflow {} is {}, not {}, so there is nothing to {}",
        found.id,
        state.name(),
        needed.name(),
        control.name()
    )))
}

fn ended(found: &ActiveflowSnapshot, control: &Control) -> Problem {
    Problem::conflict(format!("activeflow {} has ended, so there is nothing to {}", found.id, control.name()))
}

/// The problem of a jump to an unknown action, which would have no effect.
async fn unknown_action(
    api: &Api,
    found: &ActiveflowSnapshot,
    control: &Control,
) -> Result<Option<Problem>, Problem> {
    let Control::Forward { action_id } = control else { return Ok(None) };
    let Some(bundle) = api.bundle_of(found).await? else { return Ok(None) };
    let cursor = found.cursor().ok();
    let ids = preview::jumps(&bundle, cursor.as_ref());
    if preview::is_reserved(action_id) || ids.iter().any(|id| id == action_id) {
        return Ok(None);
    }
    let listed: Vec<&str> = ids.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = if ids.len() > MAX_LISTED { ", …" } else { "" };
    let detail = format!("the flow has no action `{action_id}`; its actions are {}{more}", listed.join(", "));
    Ok(Some(Problem::unprocessable("unknown_action", detail)))
}

/// Maximum number of ids in an error.
const MAX_LISTED: usize = 100;
