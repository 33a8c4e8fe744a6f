//! `signalbox bench`: throughput, latency and cost on the configured services.

use crate::cli::Context;
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
pub struct BenchArgs {}

pub async fn run(_args: BenchArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::failed("not there yet"))
}
