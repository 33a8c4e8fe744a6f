//! The command line: its commands and the options that all of them share.

use crate::commands::{self, Command};
use crate::config::{self, Config, LoadedConfig, Sources};
use crate::context::Context;
use crate::failure::{Failure, lines};
use crate::telemetry;
use clap::{Args, CommandFactory, Parser};
use std::path::PathBuf;

#[derive(Parser, Debug)]
#[command(
    name = "signalbox",
    version,
    about = "Signalbox: a self-hosted flow engine for telecoms",
    long_about = "Signalbox runs flows for telecom events (an incoming call, an SMS, data usage of a SIM) and sends commands to gateways. It runs by itself, or on Redis and RabbitMQ.",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage (flags and settings).\n\n\
        Demonstration:\n  \
          signalbox demo\n\n\
        First steps, in a second terminal beside `signalbox serve`:\n  \
          signalbox flow deploy samples/opening-hours.json\n  \
          signalbox flow deploy samples/ivr.json --route call=+15550111\n  \
          signalbox event send --type call.incoming --subject call-1 \\\n    \
            --data '{\"from\":\"+15550100\",\"to\":\"+15550111\"}'\n  \
          signalbox activeflow list\n\n\
        Commands connect to the running Signalbox (api.url; by default on this machine), or directly to Redis and RabbitMQ if redis.url and \
        amqp.url are set. `signalbox config show` prints every setting."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct Global {
    /// TOML file with settings; overrides the defaults, and the environment overrides the file
    #[arg(long, global = true, value_name = "FILE", env = "SIGNALBOX_CONFIG", help_heading = "Settings")]
    config: Option<PathBuf>,
    /// Set one setting; overrides all other sources: --set engine.lease=15s
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE", help_heading = "Settings")]
    settings: Vec<String>,
}

/// Parses the command line and runs the command. Wrong flags end the process here, with code 2.
pub fn run() -> Result<(), Failure> {
    let Cli { global, command } = Cli::parse();
    if let Some(outcome) = commands::run_alone(&command, Cli::command) {
        return outcome;
    }
    let context = Context { loaded: load(global)? };
    let Config { log, .. } = context.config();
    let quiet = !command.is_role() && context.loaded.is_default("log.level");
    telemetry::init(log, if quiet { telemetry::QUIET } else { &log.level }, command.is_role())?;
    for warning in &context.loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the runtime cannot be started: {error}")))?;
    let outcome = runtime.block_on(commands::run(command, &context, Cli::command));
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    outcome
}

fn load(global: Global) -> Result<LoadedConfig, Failure> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let sources = Sources { file: global.config, environment, flags: global.settings };
    let loaded = config::load(&sources).map_err(|wrong| Failure::usage(lines(&wrong)))?;
    let wrong = loaded.config.check();
    if wrong.is_empty() { Ok(loaded) } else { Err(Failure::usage(lines(&wrong))) }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
