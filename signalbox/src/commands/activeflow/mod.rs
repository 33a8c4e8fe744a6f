//! `signalbox activeflow …`: look at running flows, and ask something of one.

mod control;
mod get;
mod list;
mod view;

use crate::cli::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use common::ActiveflowId;
use common::ports::work::Control;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Show a customer's activeflows, newest first
    List(list::ListArgs),
    /// Show one activeflow with its variables and its journal
    Get(get::GetArgs),
    /// End it now
    Stop(IdArgs),
    /// Let it rest; what comes meanwhile is kept
    Pause(IdArgs),
    /// Go on after a pause
    Resume(IdArgs),
    /// Try a quarantined activeflow again, alone
    Retry(IdArgs),
    /// End the current wait as if it were satisfied
    Continue(IdArgs),
    /// Jump to an action at the next step
    #[command(
        after_help = "Example:\n  signalbox activeflow forward 8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f bye"
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
pub struct ForwardArgs {
    /// The activeflow's id, from `signalbox activeflow list`
    #[arg(value_name = "ID")]
    id: ActiveflowId,
    /// The id of an action of its flow
    #[arg(value_name = "ACTION")]
    action: String,
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    let (id, control) = match command {
        Command::List(args) => return list::run(args, context).await,
        Command::Get(args) => return get::run(args, context).await,
        Command::Stop(args) => (args.id, Control::Stop),
        Command::Pause(args) => (args.id, Control::Pause),
        Command::Resume(args) => (args.id, Control::Resume),
        Command::Retry(args) => (args.id, Control::Retry),
        Command::Continue(args) => (args.id, Control::Continue),
        Command::Forward(args) => (args.id, Control::Forward { action_id: args.action }),
    };
    control::run(id, control, context).await
}
