//! `signalbox activeflow …`: look at running flows, and ask something of one.

mod actions;
mod control;
mod get;
mod journal;
mod list;
mod watch;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{OutputArgs, text};
use clap::{Args, Subcommand};
use common::ActiveflowId;
use control::Control;
use serde_json::Value;
use std::str::FromStr;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show a customer's activeflows, newest first
    List(list::ListArgs),
    /// Show changes as they happen, until interrupted
    Watch(watch::WatchArgs),
    /// Show one activeflow with its variables
    Get(LookArgs),
    /// Show the actions of an activeflow: done, current and next
    Actions(LookArgs),
    /// Show the last transitions of an activeflow, oldest first
    Journal(LookArgs),
    /// End an activeflow now
    Stop(IdArgs),
    /// Pause an activeflow; its events are kept until it resumes
    Pause(IdArgs),
    /// Resume a paused activeflow
    Resume(IdArgs),
    /// Run a quarantined activeflow again, isolated from others
    Retry(IdArgs),
    /// End the current wait of an activeflow as if it were satisfied
    Continue(IdArgs),
    /// Make an activeflow jump to an action at its next step
    #[command(
        after_help = "Example:\n  signalbox activeflow forward 8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f bye\n\n\
                      `signalbox activeflow actions ID` shows the actions that are left."
    )]
    Forward(ForwardArgs),
}

#[derive(Args, Debug)]
pub struct IdArgs {
    /// The activeflow's id, from `signalbox activeflow list`
    #[arg(value_name = "ID")]
    id: ActiveflowId,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  signalbox activeflow list --limit 1 --output ndjson | jq -r .id | xargs signalbox activeflow get"
)]
pub struct LookArgs {
    #[command(flatten)]
    id: IdArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Args, Debug)]
pub struct ForwardArgs {
    #[command(flatten)]
    id: IdArgs,
    /// Id of an action in the flow
    #[arg(value_name = "ACTION")]
    action: String,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let (id, control) = match command {
        Command::List(args) => return list::run(args, context).await,
        Command::Watch(args) => return watch::run(args, context).await,
        Command::Get(args) => return get::run(args, context).await,
        Command::Actions(args) => return actions::run(args, context).await,
        Command::Journal(args) => return journal::run(args, context).await,
        Command::Stop(args) => (args, Control::Stop),
        Command::Pause(args) => (args, Control::Pause),
        Command::Resume(args) => (args, Control::Resume),
        Command::Retry(args) => (args, Control::Retry),
        Command::Continue(args) => (args, Control::Continue),
        Command::Forward(args) => (args.id, Control::Forward { action_id: args.action }),
    };
    control::run(id.id, &control, context).await
}

const REFERENCE_HELP: &str = "Only those for this call, message or other thing: call, or call:call-4711";

/// `call`, or `call:call-4711`.
#[derive(Clone, Debug)]
pub struct Reference {
    kind: String,
    id: Option<String>,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Reference, String> {
        let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id.to_owned())));
        if kind.is_empty() || id.as_ref().is_some_and(String::is_empty) {
            return Err("write KIND or KIND:ID, for example call or call:call-4711".into());
        }
        Ok(Reference { kind: kind.to_owned(), id })
    }
}

/// `ended (hangup)`.
fn state(row: &Value) -> String {
    match row["end_reason"].as_str() {
        Some(why) => format!("{} ({why})", text(&row["state"])),
        None => text(&row["state"]),
    }
}

/// `call:call-4711`, as `--reference` takes it.
fn reference(row: &Value) -> String {
    format!("{}:{}", text(&row["reference_type"]), text(&row["reference_id"]))
}

/// Where it stands.
fn action(row: &Value) -> String {
    match row["current_action"]["id"].as_str() {
        Some(id) if id != NIL => id.to_owned(),
        _ => "-".to_owned(),
    }
}

/// An id that is not set.
const NIL: &str = "00000000-0000-0000-0000-000000000000";
