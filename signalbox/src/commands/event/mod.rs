//! `signalbox event …`: publish events, and manage rejected events.

mod rejected;
mod send;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Send an event, and wait until it is stored
    Send(send::SendArgs),
    /// List, replay or discard rejected events
    #[command(subcommand)]
    Rejected(rejected::Command),
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Send(args) => send::run(args, context).await,
        Command::Rejected(command) => rejected::run(command, context).await,
    }
}
