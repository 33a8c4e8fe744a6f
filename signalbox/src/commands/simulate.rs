//! `signalbox simulate call|message|sim`: a carrier that keeps a ledger.

use crate::cli::Context;
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
pub struct SimulateArgs {}

pub async fn run(_args: SimulateArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
