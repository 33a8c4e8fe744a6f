//! `signalbox activeflow actions ID`.

use super::args::InspectArgs;
use crate::client::Path;
use crate::commands::clock::when;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, Format, line, text};
use serde_json::Value;

/// An action and its time: done, now or later.
struct Row<'a> {
    when: &'static str,
    action: &'a Value,
}

pub async fn run(args: InspectArgs, context: &Context) -> Result<(), Failure> {
    let path = Path::new("/v1/activeflows").segment(args.id.id).segment("actions");
    let actions: Value = context.client().await?.get(path.as_str()).await?;
    if args.output.output != Format::Table {
        args.output.one(&actions, String::new);
        return Ok(());
    }
    let rows = rows(&actions);
    let columns: [Column<Row>; 5] = [
        ("WHEN", |row| row.when.to_owned()),
        ("ACTION", |row| text(&row.action["id"])),
        ("TYPE", |row| text(&row.action["type"])),
        ("ENDED", |row| when(&row.action["ended_at"])),
        ("RESULT", result),
    ];
    if rows.is_empty() {
        line("This activeflow has no pending actions, and no history of completed ones.");
    } else {
        args.output.table(&rows, &columns);
    }
    Ok(())
}

/// Outcome of the action, or its options if it has not run.
fn result(row: &Row) -> String {
    let action = row.action;
    match (action["outcome"].as_str(), &action["error"]) {
        (Some(outcome), Value::Null) => outcome.to_owned(),
        (Some(outcome), error) => format!("{outcome}: {}", text(&error["message"])),
        (None, _) => text(&action["option"]),
    }
}

fn rows(actions: &Value) -> Vec<Row<'_>> {
    let list = |name: &str| actions[name].as_array().into_iter().flatten();
    let current = Some(&actions["current"]).filter(|current| !current.is_null());
    let completed = list("completed").map(|action| Row { when: "done", action });
    let pending = list("pending").map(|action| {
        let when = if action["conditional"] == true { "maybe" } else { "later" };
        Row { when, action }
    });
    completed.chain(current.map(|action| Row { when: "now", action })).chain(pending).collect()
}
