//! Logs: to stderr, text on a terminal and JSON otherwise. Every line is complete by itself.

use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Log levels of libraries. lapin logs every closed channel as an error, even after a check whether a queue exists; the
/// adapters log the errors that matter.
const LIBRARIES: &str = "lapin=off,lapin::returned_messages=error,redis=warn,deadpool=warn,hyper=warn";

/// Log level of one-shot commands, unless a level is set. Their result goes to stdout.
pub const QUIET: &str = "warn";

/// Starts logging.
///
/// # Errors
/// The level is invalid.
pub fn init(log: &Log, level: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(format!("{LIBRARIES},{level}")).map_err(|error| {
        Failure::usage(format!(
            "log.level is `{level}`: {error}; write error, warn, info, debug, trace, or with targets \"info,adapters=debug\""
        ))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let is_text = log.format == LogFormat::Text || (log.format == LogFormat::Auto && terminal);
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if is_text {
        builder.with_ansi(colours).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    installed.map_err(|error| Failure::failed(format!("logging cannot be started: {error}")))
}
