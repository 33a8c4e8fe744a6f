//! Results of a chaos run: a table for people, JSON for programs.

use super::metrics::Readings;
use super::nemesis::Injection;
use super::settings::Settings;
use crate::carrier::Timeline;
use crate::carrier::timeline::Recovery;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// Everything measured, in the order of the report.
#[derive(Default)]
pub struct Report {
    rows: Vec<(String, Value)>,
    injections: Vec<Value>,
}

impl Report {
    pub fn tell(&mut self, what: &str, value: impl Into<Value>) {
        self.rows.push((what.to_owned(), value.into()));
    }

    pub fn settings(&mut self, settings: &Settings) {
        self.tell("seed", settings.seed);
        self.tell("repeat with", settings.repeat());
    }

    /// Strikes with their recoveries, and the worst of each kind.
    pub fn injections(&mut self, injections: &[Injection], timeline: &Timeline) {
        let mut kinds: Vec<(&str, Vec<Recovery>)> = Vec::new();
        for injection in injections {
            let recovery = timeline.recovery(injection.at);
            let kind = injection.fault.rsplit_once('-').map_or(injection.fault.as_str(), |(kind, number)| {
                if number.parse::<u32>().is_ok() { kind } else { injection.fault.as_str() }
            });
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, all)) => all.push(recovery),
                None => kinds.push((kind, vec![recovery])),
            }
        }
        let list = injections.iter().map(|injection| {
            let recovery = timeline.recovery(injection.at);
            json!({
                "fault": injection.fault, "at_s": injection.at.as_secs_f64(), "in_flight": injection.in_flight,
                "first_progress_s": recovery.first.map(|after| after.as_secs_f64()),
                "four_fifths_s": recovery.steady.map(|after| after.as_secs_f64()),
            })
        });
        self.injections = list.collect();
        let lowest = injections.iter().map(|injection| injection.in_flight).min().unwrap_or_default();
        self.tell("faults", injections.len());
        self.tell("fewest in flight at a fault", lowest);
        for (kind, all) in kinds {
            let first = spread(all.iter().map(|recovery| recovery.first));
            let steady = spread(all.iter().map(|recovery| recovery.steady));
            let row = json!({ "times": all.len(), "first_progress_s": first, "four_fifths_s": steady });
            self.tell(&format!("recovery from {kind}"), row);
        }
    }

    /// Longest wait of each call for the engine; `silences` is sorted.
    pub fn silences(&mut self, silences: &[Duration]) {
        let at = |share: f64| {
            let index = (silences.len() as f64 * share) as usize;
            silences.get(index.min(silences.len().saturating_sub(1))).map(Duration::as_secs_f64)
        };
        let row = json!({ "median": at(0.5), "p99": at(0.99), "p99.9": at(0.999), "worst": at(1.0) });
        self.tell("longest silence of a call in s, timers included", row);
    }

    /// Counters by their names, as all lives of all processes counted them.
    pub fn counters(&mut self, counted: &Readings, names: &[&str]) {
        for name in names {
            self.tell(name, counted.get(*name).copied().unwrap_or_default());
        }
    }

    pub fn table(&self) -> String {
        let mut table = String::new();
        for (what, value) in &self.rows {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{what:<44} {shown}");
        }
        table
    }

    pub fn json(&self) -> Value {
        let injections = ("injections".to_owned(), Value::Array(self.injections.clone()));
        Value::Object(self.rows.iter().cloned().chain([injections]).collect())
    }
}

/// Median and worst, in seconds; what never came is reported as a number.
fn spread(all: impl Iterator<Item = Option<Duration>>) -> Value {
    let (mut known, mut never) = (Vec::new(), 0);
    for one in all {
        match one {
            Some(one) => known.push(one.as_millis() as u64),
            None => never += 1,
        }
    }
    known.sort_unstable();
    let seconds = |millis: Option<&u64>| millis.map(|millis| *millis as f64 / 1_000.0);
    json!({ "median": seconds(known.get(known.len() / 2)), "worst": seconds(known.last()), "never": never })
}
