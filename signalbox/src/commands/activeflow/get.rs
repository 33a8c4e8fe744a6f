//! `signalbox activeflow get ID`.

use super::view::{View, view};
use crate::cli::Context;
use crate::failure::Failure;
use crate::output::OutputArgs;
use crate::services::open_store;
use clap::Args;
use common::ActiveflowId;
use common::journal::Entry;
use common::ports::Lookup;
use serde::Serialize;
use std::fmt::Write;

#[derive(Args, Debug)]
pub struct GetArgs {
    /// The activeflow's id, from `signalbox activeflow list`
    #[arg(value_name = "ID")]
    id: ActiveflowId,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    view: View,
    /// The last transitions, oldest first.
    journal: Vec<Entry>,
}

pub async fn run(args: GetArgs, context: &Context) -> Result<(), Failure> {
    let store = open_store(context.config()).await?;
    let found = store.get(args.id).await?.ok_or_else(|| unknown(args.id, context))?;
    let journal = found.journal.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    let whole = Whole { view: view(&found), journal };
    args.output.one(&whole, || text(&whole));
    Ok(())
}

pub fn unknown(id: ActiveflowId, context: &Context) -> Failure {
    let kept = context.config().engine.ended_kept;
    Failure::failed(format!(
        "there is no activeflow {id}, or it ended more than {kept} ago (engine.ended_kept); `signalbox activeflow list` shows those there are"
    ))
}

fn text(whole: &Whole) -> String {
    let view = &whole.view;
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:12} {value}");
    };
    row("id", view.id.clone());
    row(
        "state",
        view.end_reason
            .as_ref()
            .map_or_else(|| view.state.to_owned(), |why| format!("{} ({why})", view.state)),
    );
    row("flow", format!("{} v{} ({})", view.flow_name, view.flow_version, view.flow_id));
    row("customer", view.customer_id.clone());
    row("reference", format!("{}:{}", view.reference_type, view.reference_id));
    row("action", view.current_action.clone().unwrap_or_else(|| "-".into()));
    if let Some(until) = view.waiting_until {
        row("waits until", until.to_string());
    }
    if let Some(error) = &view.error {
        row("error", format!("{}: {}", error.code, error.message));
    }
    row("created", view.tm_create.to_string());
    row("updated", view.tm_update.to_string());
    if view.inbox + view.outbox > 0 {
        row("waiting", format!("{} inputs, {} commands", view.inbox, view.outbox));
    }
    row("variables", view.variables.to_string());
    text.push_str("journal\n");
    for entry in &whole.journal {
        for note in &entry.notes {
            let action = note.action_id.as_deref().unwrap_or("-");
            let detail = if note.detail.is_null() { String::new() } else { format!(" {}", note.detail) };
            let _ =
                writeln!(text, "  {}  v{:<4} {:20} {}{detail}", note.at, entry.version, action, note.what);
        }
    }
    text
}
