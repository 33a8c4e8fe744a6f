//! `POST /v1/activeflows/{id}/stop`, `/pause`, `/resume`, `/retry`, `/continue`, `/forward`

use super::{find, show, unknown};
use crate::auth::Caller;
use crate::extract::{Body, Path};
use crate::problem::Problem;
use crate::resource::Activeflow;
use crate::state::{Api, PATIENCE};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::ActiveflowId;
use common::ports::lookup::{Controlled, Found};
use common::ports::work::Control;
use common::record::State as Standing;
use flow::{Cursor, preview};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where to go.
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
                (status = 202, description = "Asked for; a worker takes it up", body = Activeflow),
                (status = 404, body = Problem),
                (status = 409, description = "It has ended, or is not in the state that this needs", body = Problem)
            )
        )]
        pub async fn $name(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Answer {
            let found = find(&api, &caller, &id).await?;
            ask(&api, &found, &$control).await
        }
    };
}

operation!(
    /// Let it rest; what comes meanwhile is kept
    pause_activeflow, "/v1/activeflows/{id}/pause", "pauseActiveflow", Control::Pause
);
operation!(
    /// Go on after a pause
    resume_activeflow, "/v1/activeflows/{id}/resume", "resumeActiveflow", Control::Resume
);
operation!(
    /// Try a quarantined activeflow again, alone
    retry_activeflow, "/v1/activeflows/{id}/retry", "retryActiveflow", Control::Retry
);
operation!(
    /// End the current wait as if it were satisfied
    continue_activeflow, "/v1/activeflows/{id}/continue", "continueActiveflow", Control::Continue
);

/// Jump to an action at the next step
#[utoipa::path(
    post,
    path = "/v1/activeflows/{id}/forward",
    operation_id = "forwardActiveflow",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    request_body = Forward,
    responses(
        (status = 202, description = "Asked for; a worker takes it up", body = Activeflow),
        (status = 404, body = Problem),
        (status = 409, description = "It has ended", body = Problem)
    )
)]
pub async fn forward_activeflow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Forward { action_id }): Body<Forward>,
) -> Answer {
    let found = find(&api, &caller, &id).await?;
    can_go_to(&api, &found, &action_id).await?;
    ask(&api, &found, &Control::Forward { action_id }).await
}

/// End it now
///
/// Waits up to 5 s for the end. One that has ended already is answered as it is.
#[utoipa::path(
    post,
    path = "/v1/activeflows/{id}/stop",
    operation_id = "stopActiveflow",
    tag = "activeflows",
    params(("id" = String, Path, format = Uuid, description = "The activeflow's id")),
    responses(
        (status = 200, description = "It has ended", body = Activeflow),
        (status = 202, description = "Asked for; no worker has taken it up yet", body = Activeflow),
        (status = 404, body = Problem)
    )
)]
pub async fn stop_activeflow(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Answer {
    let found = stop(&api, &caller, &id).await?;
    let status = if found.record.state == Standing::Ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(show(&api, &found).await?.with_variables(&found))))
}

/// Asks for the end and waits a little for it.
///
/// # Errors
/// 404, or what the store says.
pub async fn stop(api: &Api, caller: &Caller, id: &str) -> Result<Found, Problem> {
    let mut found = find(api, caller, id).await?;
    let id = found.id;
    if api.ask(|| api.ports.lookup.control(id, &Control::Stop)).await? == Controlled::Unknown {
        return Err(unknown(id));
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
        if found.record.state == Standing::Ended || tokio::time::Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn ask(api: &Api, found: &Found, control: &Control) -> Answer {
    let id = found.id;
    fits(found, control)?;
    let controlled = match control {
        Control::Continue | Control::Forward { .. } => once(api, id, control).await?,
        _ => api.ask(|| api.ports.lookup.control(id, control)).await?,
    };
    match controlled {
        Controlled::Unknown => Err(unknown(id)),
        Controlled::Ended => Err(ended(found, control)),
        Controlled::Accepted => {
            let found = api.ask(|| api.ports.lookup.get(id)).await?.ok_or_else(|| unknown(id))?;
            Ok((StatusCode::ACCEPTED, Json(show(api, &found).await?.with_variables(&found))))
        }
    }
}

/// A jump that was asked for twice is made twice: after a lost answer the caller has to look.
async fn once(api: &Api, id: ActiveflowId, control: &Control) -> Result<Controlled, Problem> {
    api.ports.lookup.control(id, control).await.map_err(|error| {
        if !error.is_transient() {
            return error.into();
        }
        let detail = format!(
            "{error}. Look where activeflow {id} stands before you ask again: a second one jumps again"
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "store_away", detail)
    })
}

/// What would never do anything is refused, with the state that it needs.
fn fits(found: &Found, control: &Control) -> Result<(), Problem> {
    let state = found.record.state;
    let needed = match control {
        _ if state == Standing::Ended => return Err(ended(found, control)),
        Control::Resume if found.control != Some(Control::Pause) => Standing::Paused,
        Control::Retry => Standing::Quarantined,
        _ => return Ok(()),
    };
    if needed == state {
        return Ok(());
    }
    Err(Problem::conflict(format!(
        "activeflow {} is {}, not {}: there is nothing to {}",
        found.id,
        state.name(),
        needed.name(),
        verb(control)
    )))
}

fn ended(found: &Found, control: &Control) -> Problem {
    Problem::conflict(format!("activeflow {} has ended: there is nothing to {}", found.id, verb(control)))
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

/// A jump to nowhere would be noted in the journal and do nothing.
async fn can_go_to(api: &Api, found: &Found, action_id: &str) -> Result<(), Problem> {
    let Some(bundle) = api.bundle_of(found).await? else { return Ok(()) };
    let cursor = Cursor::from_bytes(&found.record.body).ok();
    let ids = preview::jumps(&bundle, cursor.as_ref());
    if preview::is_reserved(action_id) || ids.iter().any(|id| id == action_id) {
        return Ok(());
    }
    let shown: Vec<&str> = ids.iter().take(SHOWN).map(String::as_str).collect();
    let more = if ids.len() > SHOWN { ", …" } else { "" };
    let detail = format!("there is no action `{action_id}` to go to; there are {}{more}", shown.join(", "));
    Err(Problem::unprocessable("unknown_action", detail))
}

/// So many ids are named at most.
const SHOWN: usize = 100;
