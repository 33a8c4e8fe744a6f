//! `signalbox flow validate FILE…`: needs no service.

use super::file;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs, line, stderr_line};
use clap::Args;
use flow::finding::{Finding, Severity};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox flow validate samples/*.json\n  \
    generate-flow | signalbox flow validate -\n  \
    signalbox flow validate flow.json --output ndjson | jq .finding.code\n\n\
    Errors give exit code 1, warnings do not. `flow deploy` also checks that the subroutines a flow calls exist.")]
pub struct ValidateArgs {
    /// Flow files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Row {
    file: String,
    finding: Finding,
}

pub fn run(args: &ValidateArgs) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut wrong = 0;
    for path in &args.files {
        let shown = file::shown(path);
        let findings = match file::read(path) {
            Ok(text) => flow::validate(&text),
            Err(failure) => {
                stderr_line(&format!("error: {failure}"));
                wrong += 1;
                continue;
            }
        };
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        wrong += usize::from(errors > 0);
        if args.output.output == Format::Table {
            file::print(&shown, &findings);
            let warnings = findings.len() - errors;
            line(&match (errors, warnings) {
                (0, 0) => format!("{shown}: valid"),
                (0, warnings) => format!("{shown}: valid, {}", counted(warnings, "warning")),
                (errors, 0) => format!("{shown}: {}", counted(errors, "error")),
                (errors, warnings) => {
                    format!("{shown}: {}, {}", counted(errors, "error"), counted(warnings, "warning"))
                }
            });
        }
        rows.extend(findings.into_iter().map(|finding| Row { file: shown.clone(), finding }));
    }
    if args.output.output != Format::Table {
        args.output.list(&rows, &[], "");
    }
    if wrong == 0 { Ok(()) } else { Err(Failure::Reported) }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
