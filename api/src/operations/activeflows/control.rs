//! `POST /v1/activeflows/{id}/pause`, `/resume`, `/retry`, `/continue`, `/forward`

use super::lookup::{Found, find, resource, unknown};
use crate::api::Api;
use crate::auth::Caller;
use crate::extract::{Body, Path};
use crate::problem::Problem;
use crate::resource::Activeflow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use common::ports::lookup::{ActiveflowSnapshot, Controlled};
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

type Answer = Result<(StatusCode, Json<Activeflow>), Problem>;

macro_rules! operation {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $control:expr) => {
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $id,
            tag = "activeflows",
            params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
            responses(
                (status = 202, description = "Accepted; a worker will execute it", body = Activeflow),
                (status = 404, body = Problem),
                (status = 409, description = "The activeflow has ended, or is in a state that does not allow this", body = Problem)
            )
        )]
        pub async fn $name(State(api): State<Arc<Api>>, Found(found): Found) -> Answer {
            request(&api, &found, &$control).await
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
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    request_body = Forward,
    responses(
        (status = 202, description = "Accepted; a worker will execute it", body = Activeflow),
        (status = 404, body = Problem),
        (status = 409, description = "The activeflow has ended", body = Problem)
    )
)]
pub async fn forward_activeflow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Forward { action_id }): Body<Forward>,
) -> Answer {
    let found = find(&api, &caller, &id).await?;
    must_exist(&api, &found, &action_id).await?;
    request(&api, &found, &Control::Forward { action_id }).await
}

async fn request(api: &Api, found: &ActiveflowSnapshot, control: &Control) -> Answer {
    let id = found.id;
    must_be_useful(found, control)?;
    let controlled = match control {
        Control::Continue | Control::Forward { .. } => once(api, id, control).await?,
        _ => api.ask(|| api.ports.lookup.control(id, control)).await?,
    };
    match controlled {
        Controlled::Unknown => Err(unknown(id)),
        Controlled::Ended => Err(ended(found, control)),
        Controlled::Accepted => {
            let found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
            Ok((StatusCode::ACCEPTED, Json(resource(api, &found).await?.with_variables(&found))))
        }
    }
}

/// Calls the store without a retry, because a repeated request would jump twice.
async fn once(api: &Api, id: ActiveflowId, control: &Control) -> Result<Controlled, Problem> {
    api.ports.lookup.control(id, control).await.map_err(|error| {
        if !error.is_transient() {
            return error.into();
        }
        let detail = format!(
            "{error}. Check the current action of activeflow {id} before you try again: a second request jumps again"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_away", detail)
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
        verb(control)
    )))
}

fn ended(found: &ActiveflowSnapshot, control: &Control) -> Problem {
    Problem::conflict(format!("activeflow {} has ended, so there is nothing to {}", found.id, verb(control)))
}

fn verb(control: &Control) -> &'static str {
    match control {
        Control::Stop => "stop",
        Control::Pause => "pause",
        Control::Resume => "resume",
        Control::Retry => "retry",
        Control::Continue => "continue",
        Control::Forward { .. } => "forward",
    }
}

/// Rejects a jump to an unknown action, which would have no effect.
async fn must_exist(api: &Api, found: &ActiveflowSnapshot, action_id: &str) -> Result<(), Problem> {
    let Some(bundle) = api.bundle_of(found).await? else { return Ok(()) };
    let cursor = found.cursor().ok();
    let ids = preview::jumps(&bundle, cursor.as_ref());
    if preview::is_reserved(action_id) || ids.iter().any(|id| id == action_id) {
        return Ok(());
    }
    let listed: Vec<&str> = ids.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = if ids.len() > MAX_LISTED { ", …" } else { "" };
    let detail = format!("the flow has no action `{action_id}`; its actions are {}{more}", listed.join(", "));
    Err(Problem::unprocessable("unknown_action", detail))
}

/// Maximum number of ids in an error.
const MAX_LISTED: usize = 100;
