//! Reads a flow file, and prints its findings.

use crate::failure::Failure;
use crate::output::stderr_line;
use flow::MAX_DOCUMENT_BYTES;
use flow::finding::{Finding, Severity};
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// Name of the file in messages.
pub fn shown(path: &Path) -> String {
    if path == Path::new(STDIN) { "(standard input)".to_owned() } else { path.display().to_string() }
}

/// Reads a flow file; `-` is standard input.
///
/// # Errors
/// The file cannot be read, is too long, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, Failure> {
    let shown = shown(path);
    let unreadable =
        |error: std::io::Error| Failure::failed(format!("the flow file {shown} cannot be read: {error}"));
    let file: Box<dyn Read> = match path == Path::new(STDIN) {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(unreadable)?),
    };
    let mut bytes = Vec::new();
    // Reading one byte more than the limit detects a longer file.
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let size = std::fs::metadata(path).map_or("more".to_owned(), |found| format!("{}", found.len()));
        return Err(Failure::failed(format!(
            "{shown}: error[SBX0102] the file has {size} bytes, the limit is {MAX_DOCUMENT_BYTES} (2 MiB)\n       help: Move parts of the flow into subroutines."
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::failed(format!(
            "{shown}: the file is not UTF-8 (first invalid byte at {}); save it as UTF-8",
            error.utf8_error().valid_up_to()
        ))
    })
}

/// Prints the findings and returns the number of errors.
pub fn print(shown: &str, findings: &[Finding]) -> usize {
    for finding in findings {
        stderr_line(&text(shown, finding));
    }
    findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

/// Prints a finding of the API in the same form.
pub fn print_part(shown: &str, part: &Value) {
    let number = |name: &str| part[name].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
    let word = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    let (pointer, code, what) = (word("pointer"), word("code"), word("detail"));
    let place = place(shown, number("line"), number("column"));
    stderr_line(&format!(
        "{place}: error[{code}] {}: {what}",
        if pointer.is_empty() { "/" } else { &pointer }
    ));
}

/// `file:line:column: error[SBX0101] /pointer: what` and a line of help.
fn text(shown: &str, finding: &Finding) -> String {
    let Finding { code, severity, pointer, line, column, what, help } = finding;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = place(shown, *line, *column);
    let pointer = if pointer.is_empty() { "/" } else { pointer };
    let help = if help.is_empty() { String::new() } else { format!("\n  help: {help}") };
    format!("{place}: {severity}[{code}] {pointer}: {what}{help}")
}

fn place(shown: &str, line: u32, column: u32) -> String {
    if line == 0 { shown.to_owned() } else { format!("{shown}:{line}:{column}") }
}
