//! Logs: to stderr, text on a terminal and JSON otherwise. Every line is complete by itself.

use crate::config::{Log, LogFormat};
use crate::failure::Failure;
use common::printable;
use std::fmt;
use std::io::IsTerminal;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Log levels of libraries. lapin logs every closed channel as an error, even after a check whether a queue exists; the
/// adapters log the errors that matter.
const LIBRARIES: &str = "lapin=off,lapin::returned_messages=error,redis=warn,deadpool=warn,hyper=warn";

/// Log level of one-shot commands, unless a level is set. Their result goes to stdout.
pub const QUIET: &str = "warn";

/// Level of the audit log in a process that serves others, unless log.level sets another one for `audit`.
const AUDIT: &str = "audit=info";

/// Starts logging; `is_audited` keeps the audit log at every level.
///
/// # Errors
/// The level is invalid.
pub fn init(log: &Log, level: &str, is_audited: bool) -> Result<(), Failure> {
    let audit = if is_audited { AUDIT } else { "audit=warn" };
    let filter = EnvFilter::try_new(format!("{LIBRARIES},{audit},{level}")).map_err(|error| {
        Failure::usage(format!(
            "log.level is `{level}`: {error}; write error, warn, info, debug, trace, or with targets \"info,adapters=debug\""
        ))
    })?;
    let terminal = std::io::stderr().is_terminal();
    let is_text = log.format == LogFormat::Text || (log.format == LogFormat::Auto && terminal);
    let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = if is_text {
        builder.with_ansi(colours).fmt_fields(debug_fn(write_field).delimited(" ")).try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    };
    installed.map_err(|error| Failure::failed(format!("logging cannot be started: {error}")))
}

/// Writes one field of a text line: the message as it is, others as `name=value`. Values may come from others, so characters
/// that steer a terminal or reorder the line are escaped.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = format!("{value:?}");
    let value = printable::one_line(&value);
    match field.name() {
        "message" => writer.write_str(&value),
        name if writer.has_ansi_escapes() => {
            write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}")
        }
        name => write!(writer, "{name}={value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_text_line_escapes_what_steers_a_terminal() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .finish();
        let evil = "call-\u{1b}[2J\u{202e}x\nforged line";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(subject = evil, shown = %evil, "about {evil}");
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.matches("call-\\u{1b}[2J\\u{202e}x\\nforged line").count(), 3, "{text:?}");
    }
}
