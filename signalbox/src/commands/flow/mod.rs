//! `signalbox flow …`: validate, deploy, list and export flows.

mod deploy;
mod export;
mod file;
mod list;
pub mod schema;
pub mod validate;
mod window;

pub use window::WindowArgs;

use crate::context::Context;
use crate::failure::Failure;
use clap::Subcommand;

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Report all errors and warnings in flow files
    Validate(validate::ValidateArgs),
    /// Deploy a flow file as the active version of its flow
    Deploy(deploy::DeployArgs),
    /// List deployed flows
    List(list::ListArgs),
    /// Print the JSON Schema of flow documents
    Schema(schema::SchemaArgs),
    /// Print the document of a deployed flow
    Export(export::ExportArgs),
}

pub async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Validate(args) => validate::run(&args),
        Command::Schema(_) => {
            schema::run();
            Ok(())
        }
        Command::Deploy(args) => deploy::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
    }
}
