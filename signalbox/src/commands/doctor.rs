//! `signalbox doctor`: what would lose data or slow things down, and what to do about it.

use crate::cli::Context;
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
pub struct DoctorArgs {}

pub async fn run(_args: DoctorArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
