//! `signalbox status`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{OutputArgs, text};
use clap::Args;
use serde_json::Value;
use std::fmt::Write;

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  signalbox status --output json | jq .depth")]
pub struct StatusArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: StatusArgs, context: &Context) -> Result<(), Failure> {
    let status: Value = context.client().await?.get("/v1/status").await?;
    args.output.one(&status, || shown(&status));
    Ok(())
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
        row(
            &text(&member["role"]),
            format!("{}, generation {}", text(&member["instance"]), text(&member["generation"])),
        );
    }
    for (name, value) in status["depth"].as_object().into_iter().flatten() {
        row(name, text(value));
    }
    shown
}
