//! `signalbox demo`: everything in one process, with a simulated carrier.

use crate::cli::Context;
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
pub struct DemoArgs {}

pub async fn run(_args: DemoArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
