//! The binary of Signalbox: parses the command line, runs one command, and returns an exit code.

mod bench;
mod cli;
mod client;
mod commands;
mod config;
mod context;
mod demo;
mod doctor;
mod failure;
mod host;
mod http;
mod next_format;
mod ops;
mod output;
mod services;
mod shutdown;
mod simulate;
mod table;
mod telemetry;

use std::process::ExitCode;

/// With the system's allocator, 29 % of the engine's time goes into allocation (docs/decisions/0026-shards-share-calls.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    next_format::speak_if_asked();
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
