//! `signalbox activeflow …`: inspect and control activeflows.

mod actions;
mod args;
mod columns;
mod control;
mod get;
mod journal;
mod list;
mod watch;

use crate::context::Context;
use crate::failure::Failure;
use args::{ForwardArgs, IdArgs, InspectArgs};
use clap::Subcommand;
use common::ports::work::Control;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show a customer's activeflows, newest first
    List(list::ListArgs),
    /// Show changes as they happen, until interrupted
    Watch(watch::WatchArgs),
    /// Show one activeflow with its variables
    Get(InspectArgs),
    /// Show the actions of an activeflow: done, current and next
    Actions(InspectArgs),
    /// Show the last transitions of an activeflow, oldest first
    Journal(InspectArgs),
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
