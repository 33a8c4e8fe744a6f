//! `signalbox doctor`: finds problems of a deployment, and recommends fixes.

use crate::context::Context;
use crate::doctor::{self, Finding, Report, Severity};
use crate::failure::Failure;
use crate::output::OutputArgs;
use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "Checks the settings, Redis, RabbitMQ or the data folder, and the running members. Changes no data or settings.\n\
    Takes a few seconds, because it observes the members for three heartbeats.\n\n\
    Exit codes: 0 no check failed (there may be warnings), 1 a check failed."
)]
pub struct DoctorArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: DoctorArgs, context: &Context) -> Result<(), Failure> {
    let report = doctor::examine(context.config()).await;
    args.output.one(&report, || text(&report));
    let fails = report.findings.iter().any(|finding| finding.severity == Severity::Fail);
    if fails { Err(Failure::Reported) } else { Ok(()) }
}

fn text(report: &Report) -> String {
    let width = report.findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { check, severity, found, advice } in &report.findings {
        text.push_str(&format!("{:4}  {check:width$}  {found}\n", severity.name()));
        if !advice.is_empty() {
            text.push_str(&format!("{:width$}  → {advice}\n", "", width = width + 6));
        }
    }
    let count = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    text.push_str(&format!(
        "\n{} ok, {} warn, {} fail\n",
        count(Severity::Ok),
        count(Severity::Warn),
        count(Severity::Fail)
    ));
    if let Some(promises) = &report.promises {
        text.push_str(&format!(
            "Guarantees of this deployment ({}): {}.\n",
            promises.deployment, promises.holds
        ));
    }
    text
}
