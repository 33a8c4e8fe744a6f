//! `signalbox status`.

use crate::client::Path;
use crate::commands::pages::{self, Pages};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{OutputArgs, text};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;

/// Number of activeflows that are counted, the newest first.
const COUNTED: usize = 1_000;
/// Reasons of an end that are no failure.
const GOOD_ENDS: [&str; 3] = ["finished", "hangup", "stopped"];

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox status --output json | jq .activeflows\n\n\
    The newest 1,000 activeflows of the default customer are counted: those that run or wait, and those that ended within \
    engine.ended_retention. `failed` are those that ended by an error or a limit.")]
pub struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: StatusArgs, context: &Context) -> Result<(), Failure> {
    let client = context.client().await?;
    let mut status: Value = client.get("/v1/status").await?;
    let Pages { rows, has_more } = pages::collect(&client, &Path::new("/v1/activeflows"), COUNTED).await?;
    status["activeflows"] = counts(&rows, has_more);
    args.output.one(&status, || shown(&status));
    Ok(())
}

/// Activeflows by what became of them.
fn counts(rows: &[Value], has_more: bool) -> Value {
    let of =
        |states: &[&str]| rows.iter().filter(|row| states.iter().any(|state| row["state"] == *state)).count();
    let has_failed = |row: &&Value| {
        row["state"] == "ended" && row["end_reason"].as_str().is_some_and(|why| !GOOD_ENDS.contains(&why))
    };
    json!({
        "running": of(&["ready", "claimed"]),
        "waiting": of(&["waiting"]),
        "paused": of(&["paused"]),
        "quarantined": of(&["quarantined"]),
        "ended": of(&["ended"]),
        "failed": rows.iter().filter(has_failed).count(),
        "has_more": has_more,
    })
}

fn shown(status: &Value) -> String {
    let mut shown = String::new();
    let mut row = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(shown, "{name:12} {value}");
    };
    row("version", text(&status["version"]));
    row("store", format!("{}, {} shards", text(&status["store"]), text(&status["shards"])));
    row("bus", text(&status["bus"]));
    row("generation", text(&status["generation"]));
    let members: Vec<&Value> = status["members"].as_array().into_iter().flatten().collect();
    if members.is_empty() {
        row("members", "no member is running; start one with `signalbox serve`".to_owned());
    }
    for member in members {
        let activity = member["activity"].as_str().map_or(String::new(), |activity| format!("{activity}, "));
        row(
            &text(&member["role"]),
            format!("{}, {activity}generation {}", text(&member["instance"]), text(&member["generation"])),
        );
    }
    row("activeflows", activeflows(&status["activeflows"]));
    for (name, value) in status["depth"].as_object().into_iter().flatten() {
        row(name, text(value));
    }
    shown
}

/// `2 run, 17 wait, 1 failed of 40 ended`.
fn activeflows(counts: &Value) -> String {
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    let mut parts = vec![format!("{} run", number("running")), format!("{} wait", number("waiting"))];
    for name in ["paused", "quarantined"] {
        parts.extend((number(name) > 0).then(|| format!("{} {name}", number(name))));
    }
    parts.push(format!("{} failed of {} ended", number("failed"), number("ended")));
    let of = if counts["has_more"] == true { format!(" (of the newest {COUNTED})") } else { String::new() };
    format!("{}{of}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_active_dispatcher_is_told_apart_from_the_one_on_standby() {
        let member = |instance: &str, role: &str, activity: Value| json!({ "instance": instance, "role": role, "activity": activity, "generation": 4 });
        let members = [
            member("a:1", "dispatcher", json!("active")),
            member("b:2", "dispatcher", json!("standby")),
            member("c:3", "executor", Value::Null),
        ];
        let shown = shown(&json!({ "members": members }));
        for line in [
            "dispatcher   a:1, active, gen",
            "dispatcher   b:2, standby, gen",
            "executor     c:3, generation 4",
        ] {
            assert!(shown.contains(line), "{shown}");
        }
    }

    #[test]
    fn activeflows_are_counted_by_what_became_of_them() {
        let row = |state: &str, end: Value| json!({ "state": state, "end_reason": end });
        let rows = [
            row("ready", Value::Null),
            row("claimed", Value::Null),
            row("waiting", Value::Null),
            row("quarantined", Value::Null),
            row("ended", json!("finished")),
            row("ended", json!("failed")),
            row("ended", json!("limit.loop")),
        ];
        let counted = counts(&rows, false);
        assert_eq!(activeflows(&counted), "2 run, 1 wait, 1 quarantined, 2 failed of 3 ended");
        assert!(activeflows(&counts(&rows, true)).ends_with("(of the newest 1000)"));
        assert_eq!(counted["failed"], 2);
    }
}
