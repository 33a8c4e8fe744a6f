//! Output of commands: tables for people, JSON for programs.

use crate::table::Table;
use clap::{Args, ValueEnum};
use common::printable;
use serde::Serialize;
use serde_json::Value;
use std::io::{IsTerminal, Write};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Table with aligned columns
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Ndjson,
}

#[derive(Args, Clone, Copy, Debug)]
pub struct OutputArgs {
    /// Output format
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
}

/// A column: its heading, and its text for a row.
pub type Column<T> = (&'static str, fn(&T) -> String);

impl OutputArgs {
    /// Prints `rows`; a table without rows prints `empty` instead.
    pub fn list<T: Serialize>(self, rows: &[T], columns: &[Column<T>], empty: &str) {
        match self.output {
            Format::Table if rows.is_empty() => line(empty),
            Format::Table => print(&table(rows, columns)),
            Format::Json => line(&pretty(rows)),
            Format::Ndjson => rows.iter().for_each(|row| line(&compact(row))),
        }
    }

    /// Prints `rows` as columns in every format.
    pub fn table<T>(self, rows: &[T], columns: &[Column<T>]) {
        print(&table(rows, columns));
    }

    /// Prints one value; `text` is its form for people.
    pub fn one<T: Serialize>(self, thing: &T, text: impl FnOnce() -> String) {
        match self.output {
            Format::Table => line(text().trim_end()),
            Format::Json => line(&pretty(thing)),
            Format::Ndjson => line(&compact(thing)),
        }
    }
}

/// A JSON value as text for people; a missing value is `-`.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable::one_line(text).into_owned(),
        other => other.to_string(),
    }
}

/// Prints a line, or several, to stdout. A closed pipe is not an error.
pub fn line(text: &str) {
    print(&format!("{}\n", printable::lines(text)));
}

/// Prints a line to stderr, for messages that are not part of the result.
pub fn stderr_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable::lines(text));
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether to print escape sequences: on a terminal, unless NO_COLOR is set.
fn is_styled() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn table<T>(rows: &[T], columns: &[Column<T>]) -> String {
    let cells = |row: &T| columns.iter().map(|(_, show)| show(row)).collect();
    let headings = columns.iter().map(|(heading, _)| *heading).collect();
    Table { headings, rows: rows.iter().map(cells).collect() }.text(width(), is_styled())
}

/// Width of the terminal; `None` if stdout is not a terminal.
fn width() -> Option<usize> {
    let out = std::io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok()).flatten()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}

fn pretty<T: Serialize + ?Sized>(thing: &T) -> String {
    printable::json(&common::json::to_pretty_text(thing)).into_owned()
}

fn compact<T: Serialize>(thing: &T) -> String {
    printable::json(&common::json::to_text(thing)).into_owned()
}
