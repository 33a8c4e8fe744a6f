//! `signalbox activeflow stop|pause|resume|retry|continue|forward ID`.

use super::get::unknown;
use super::view::view;
use crate::cli::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::open_store;
use common::ActiveflowId;
use common::ports::lookup::Controlled;
use common::ports::work::Control;
use common::ports::{Lookup, StateStore};
use common::record::State;
use std::time::Duration;

/// How long a command waits to see that a worker did it.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub async fn run(id: ActiveflowId, control: Control, context: &Context) -> Result<(), Failure> {
    let store = open_store(context.config()).await?;
    let found = store.get(id).await?.ok_or_else(|| unknown(id, context))?;
    let state = found.record.state;
    fits(id, &control, state).map_err(Failure::Failed)?;
    match store.control(id, &control).await? {
        Controlled::Unknown => Err(unknown(id, context)),
        Controlled::Ended => {
            line(&format!("activeflow {id} has ended"));
            Ok(())
        }
        Controlled::Accepted => report(&store, id, &control).await,
    }
}

/// What would never do anything is refused, with the state that it needs.
fn fits(id: ActiveflowId, control: &Control, state: State) -> Result<(), String> {
    let needs = match control {
        Control::Resume => Some(State::Paused),
        Control::Retry => Some(State::Quarantined),
        Control::Stop => None,
        _ if state == State::Ended => {
            return Err(format!("activeflow {id} has ended: there is nothing to {}", verb(control)));
        }
        Control::Pause | Control::Continue | Control::Forward { .. } => None,
    };
    match needs {
        Some(needed) if needed != state => Err(format!(
            "activeflow {id} is {}, not {}: there is nothing to {}",
            state.name(),
            needed.name(),
            verb(control)
        )),
        _ => Ok(()),
    }
}

/// Says what became of it, as far as it can be seen soon.
async fn report(store: &dyn StateStore, id: ActiveflowId, control: &Control) -> Result<(), Failure> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let Some(found) = store.get(id).await? else {
            line(&format!("activeflow {id} has ended"));
            return Ok(());
        };
        let is_taken = found.control.is_none() && found.record.state != State::Claimed;
        if is_taken && (*control != Control::Stop || found.record.state == State::Ended) {
            let view = view(&found);
            let why = view.end_reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let at = view.current_action.map(|action| format!(" at `{action}`")).unwrap_or_default();
            line(&format!("activeflow {id} is {}{why}{at}", view.state));
            return Ok(());
        }
        if tokio::time::Instant::now() >= deadline {
            line(&format!(
                "asked for: {} activeflow {id}; no worker has taken it up within {} s. Is an executor running?",
                verb(control),
                PATIENCE.as_secs()
            ));
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
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
