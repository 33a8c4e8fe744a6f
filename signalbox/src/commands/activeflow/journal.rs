//! `signalbox activeflow journal ID`.

use super::args::InspectArgs;
use crate::client::Path;
use crate::commands::pages;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, line, text};
use serde_json::Value;

pub async fn run(args: InspectArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/activeflows").segment(args.id.id).segment("journal");
    let entries = pages::unpaged(&context.client().await?, &path).await?;
    if args.output.output != Format::Table {
        args.output.list(&entries, &[], "");
    } else if entries.is_empty() {
        line("This activeflow has no transitions yet.");
    } else {
        entries.iter().flat_map(notes).for_each(|note| line(&note));
    }
    Ok(())
}

/// One line for each note of a transition.
fn notes(entry: &Value) -> Vec<String> {
    let version = text(&entry["version"]);
    let note = |note: &Value| {
        let detail = if note["detail"].is_null() { String::new() } else { format!(" {}", note["detail"]) };
        let (at, action, what) = (text(&note["at"]), text(&note["action_id"]), text(&note["what"]));
        format!("{at}  v{version:<4} {action:20} {what}{detail}")
    };
    entry["notes"].as_array().into_iter().flatten().map(note).collect()
}
