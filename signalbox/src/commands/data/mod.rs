//! `signalbox data …`: check and salvage a data folder.

mod check;
mod damaged;
mod salvage;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Read every record of the data folder and report the damaged ones; a running Signalbox may use it
    Check(check::CheckArgs),
    /// Copy what is whole from a damaged data folder into a new one
    Salvage(salvage::SalvageArgs),
}

/// # Errors
/// The folder cannot be read, or is damaged.
pub fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Check(args) => check::run(args, context),
        Command::Salvage(args) => salvage::run(args, context),
    }
}
