//! `signalbox activeflow get ID`.

use super::args::InspectArgs;
use super::columns::{action, reference, state};
use crate::client::Path;
use crate::commands::clock::exact_and_relative;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::text;
use serde_json::Value;
use std::fmt::Write;

pub async fn run(args: InspectArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/activeflows").segment(args.id.id);
    let activeflow: Value = context.client().await?.get(path.as_str()).await?;
    args.output.one(&activeflow, || shown(&activeflow));
    Ok(())
}

fn shown(it: &Value) -> String {
    let mut shown = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(shown, "{name:12} {value}");
    };
    row("id", text(&it["id"]));
    row("state", state(it));
    row(
        "flow",
        format!("{} v{} ({})", text(&it["flow_name"]), text(&it["flow_version"]), text(&it["flow_id"])),
    );
    row("customer", text(&it["customer_id"]));
    row("reference", reference(it));
    let kind = it["current_action"]["type"].as_str().filter(|kind| !kind.is_empty());
    row("action", kind.map_or_else(|| action(it), |kind| format!("{} ({kind})", action(it))));
    let waits_for: Vec<String> = it["waiting_for"].as_array().into_iter().flatten().map(text).collect();
    if !waits_for.is_empty() {
        row("waits for", waits_for.join(", "));
    }
    if !it["waiting_until"].is_null() {
        row("waits until", exact_and_relative(&it["waiting_until"]));
    }
    if !it["error"].is_null() {
        row("error", failure(&it["error"]));
    }
    let last = &it["last_failure"];
    if !last.is_null() {
        let count = text(&it["failed_actions"]);
        row("failures", format!("{count}, the last one {}", failure(last)));
    }
    row("created", exact_and_relative(&it["tm_create"]));
    row("updated", exact_and_relative(&it["tm_update"]));
    let (inbox, outbox) = (it["inbox"].as_u64().unwrap_or(0), it["outbox"].as_u64().unwrap_or(0));
    if inbox + outbox > 0 {
        row("waiting", format!("{inbox} inputs, {outbox} commands"));
    }
    row("variables", text(&it["variables"]));
    shown
}

/// `thanks: invalid_destination: the number is withheld`
fn failure(error: &Value) -> String {
    let action = error["action_id"].as_str().map_or(String::new(), |id| format!("{id}: "));
    format!("{action}{}: {}", text(&error["code"]), text(&error["message"]))
}
