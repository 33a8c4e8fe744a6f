//! The result of a run: counts, findings and latencies, for people and for programs.

use super::counters::Counters;
use super::finding::{Class, Finding};
use super::latency::Latencies;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub lost: u64,
    pub doubled: u64,
    pub out_of_order: u64,
    pub late: u64,
    pub refused: u64,
    pub counted: Counters,
    /// Latencies from an event to the next command of its subject.
    pub latencies: Vec<Row>,
    /// At most 50, as sentences.
    pub findings: Vec<FindingText>,
    /// Reason why the audit could not finish.
    pub unchecked: Option<String>,
    #[serde(skip)]
    late_after: Duration,
}

#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub event: &'static str,
    pub count: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct FindingText {
    pub class: Class,
    pub text: String,
}

impl Verdict {
    pub(super) fn new(
        counters: &Counters,
        findings: &[Finding],
        latencies: &BTreeMap<&'static str, Latencies>,
        late_after: Duration,
        unchecked: Option<String>,
    ) -> Verdict {
        Verdict {
            lost: counters.of(Class::Lost),
            doubled: counters.of(Class::Doubled),
            out_of_order: counters.of(Class::OutOfOrder),
            late: counters.of(Class::Late),
            refused: counters.of(Class::Refused),
            counted: counters.clone(),
            latencies: latencies.iter().map(|(event, latencies)| row(event, latencies)).collect(),
            findings: findings
                .iter()
                .map(|finding| FindingText { class: finding.class(), text: finding.to_string() })
                .collect(),
            unchecked,
            late_after,
        }
    }

    /// Whether every guarantee held that the ledger can check. Late commands depend on the load and break no guarantee.
    pub fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.out_of_order + self.refused == 0
    }

    /// Text for people; `what` is "calls", "conversations", … .
    pub fn text(&self, what: &str) -> String {
        let mut text = String::new();
        let counted = &self.counted;
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<14}{value}");
        };
        line(what, format!("{} started, {} over", counted.started, counted.over));
        line("events", format!("{} stored{}", counted.stored, more(counted.repeated, "sent again")));
        line("commands", format!("{}{}", counted.commands, more(counted.copies, "came again")));
        for row in &self.latencies {
            line(
                "",
                format!(
                    "{} → command: p50 {}, p99 {}, at most {} ({})",
                    row.event,
                    ms(row.p50_ms),
                    ms(row.p99_ms),
                    ms(row.max_ms),
                    row.count
                ),
            );
        }
        line("lost", self.lost.to_string());
        line("doubled", self.doubled.to_string());
        line("out of order", self.out_of_order.to_string());
        line("late", format!("{} (more than {} s)", self.late, self.late_after.as_secs_f64()));
        if self.refused > 0 {
            line("refused", self.refused.to_string());
        }
        if counted.unsettled > 0 {
            line("unknown", format!("{} events whose outcome is not known", counted.unsettled));
        }
        for told in &self.findings {
            let _ = writeln!(text, "  {}", told.text);
        }
        let told = self.findings.len() as u64;
        let all: u64 = counted.found.values().sum();
        if all > told {
            let _ = writeln!(text, "  and {} more", all - told);
        }
        if let Some(why) = &self.unchecked {
            let _ = writeln!(text, "Whether everything ended that was hung up is not known: {why}");
        }
        let _ = writeln!(text, "{}", self.sentence());
        text
    }

    /// One sentence.
    pub fn sentence(&self) -> String {
        if self.is_clean() {
            return "Nothing was lost and nothing was done twice.".to_owned();
        }
        let parts = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.out_of_order, "out of order"),
            (self.refused, "refused"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        format!("Not as promised: {}.", parts.join(", "))
    }
}

fn row(event: &'static str, latencies: &Latencies) -> Row {
    let ms = |time: Duration| (time.as_secs_f64() * 1e5).round() / 100.0;
    Row {
        event,
        count: latencies.count(),
        p50_ms: ms(latencies.percentile(50.0)),
        p99_ms: ms(latencies.percentile(99.0)),
        max_ms: ms(latencies.longest()),
    }
}

fn more(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

/// Milliseconds or seconds with two or three significant digits.
fn ms(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}
