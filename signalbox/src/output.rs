//! Output of commands: tables for people, JSON for programs.

use clap::{Args, ValueEnum};
use common::printable::{printable, printable_lines};
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
            Format::Table => print(&table(rows, columns, is_styled())),
            Format::Json => line(&pretty(rows)),
            Format::Ndjson => rows.iter().for_each(|row| line(&compact(row))),
        }
    }

    /// Prints `rows` as columns in every format.
    pub fn table<T>(self, rows: &[T], columns: &[Column<T>]) {
        print(&table(rows, columns, is_styled()));
    }

    /// Prints one value; `text` is its form for people.
    pub fn one<T: Serialize>(self, thing: &T, text: impl FnOnce() -> String) {
        match self.output {
            Format::Table => line(printable_lines(text().trim_end()).as_ref()),
            Format::Json => line(&pretty(thing)),
            Format::Ndjson => line(&compact(thing)),
        }
    }
}

/// A JSON value as text for people; a missing value is `-`.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Prints a line to stdout. A closed pipe is not an error.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}

/// Prints a line to stderr, for messages that are not part of the result.
pub fn stderr_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable_lines(text));
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether to print escape sequences: on a terminal, unless NO_COLOR is set.
fn is_styled() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn table<T>(rows: &[T], columns: &[Column<T>], styled: bool) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, show)| printable(&show(row)).into_owned()).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (heading, _))| {
            cells.iter().map(|row| row[i].chars().count()).max().unwrap_or(0).max(heading.len())
        })
        .collect();
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let (bold, plain) = if styled { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let mut text = format!("{bold}{}{plain}\n", row_text(&headings, &widths));
    for row in &cells {
        text.push_str(&row_text(row, &widths));
        text.push('\n');
    }
    text
}

fn row_text(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

fn pretty<T: Serialize + ?Sized>(thing: &T) -> String {
    common::json::to_pretty_text(thing)
}

fn compact<T: Serialize>(thing: &T) -> String {
    common::json::to_text(thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_trails() {
        let columns: [Column<(&str, u32)>; 2] =
            [("NAME", |row| row.0.into()), ("N", |row| row.1.to_string())];
        let text = table(&[("a", 1), ("größer", 22)], &columns, false);
        assert_eq!(text, "NAME    N\na       1\ngrößer  22\n");
        let text = table(&[("call-\u{1b}[2J\n\u{202e}", 1)], &columns, false);
        assert_eq!(text, "NAME                      N\ncall-\\u{1b}[2J\\n\\u{202e}  1\n");
    }
}
