//! `signalbox activeflow stop|pause|resume|retry|continue|forward ID`.

use super::columns::{action, state};
use crate::client::{Client, Path};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{line, text};
use common::ActiveflowId;
use common::ports::work::Control;
use serde_json::{Value, json};
use std::time::Duration;

/// Maximum time to wait until a worker has applied the request.
const TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

pub async fn run(id: ActiveflowId, control: &Control, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let path = Path::new("/v1/activeflows").segment(id);
    let before: Value = client.get(path.as_str()).await?;
    let body = match control {
        Control::Forward { action_id } => json!({ "action_id": action_id }),
        _ => json!({}),
    };
    let asked: Value = client.post_once(path.clone().segment(control.name()).as_str(), &body).await?;
    let done = settled(&client, &path, control, &before, asked).await?;
    line(&match done {
        Some(it) if is_ended(&it) => format!("activeflow {id} is {}", state(&it)),
        Some(it) => format!("activeflow {id} is {} at `{}`", state(&it), action(&it)),
        None => format!(
            "the request to {} activeflow {id} is stored, but no worker applied it within {} s; check that an executor is running",
            control.name(),
            TIMEOUT.as_secs()
        ),
    });
    Ok(())
}

/// The activeflow after a worker applied the request; `None` after the timeout.
async fn settled(
    client: &Client,
    path: &Path,
    control: &Control,
    before: &Value,
    mut now: Value,
) -> Result<Option<Value>, Failure> {
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    loop {
        if is_ended(&now) || (*control != Control::Stop && has_moved(before, &now)) {
            return Ok(Some(now));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
        now = client.get(path.as_str()).await?;
    }
}

/// Whether a worker has claimed and released the activeflow since.
fn has_moved(before: &Value, now: &Value) -> bool {
    let is_busy = matches!(now["state"].as_str(), Some("ready" | "claimed"));
    !is_busy && now["tm_update"] != before["tm_update"]
}

fn is_ended(it: &Value) -> bool {
    text(&it["state"]) == "ended"
}
