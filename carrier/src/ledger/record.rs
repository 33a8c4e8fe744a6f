//! Record of one subject: its events, its commands, and its findings.

use super::finding::Finding;
use crate::wire::{Command, Event};
use flow::Timestamp;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// Two equal commands within this time, without an event in between, are one step that was done twice.
const REPEATED_WITHIN_US: i64 = 1_000_000;

#[derive(Debug)]
pub struct Record {
    subject: String,
    /// Events that can start an activeflow.
    starters: u32,
    logs: Vec<CommandLog>,
    /// The event that a command must follow.
    open: Option<(&'static str, Instant)>,
    /// An event was sent after the last command.
    is_stirred: bool,
    pub is_hung_up: bool,
    /// Active participants.
    pub under_way: u32,
}

/// Commands of one activeflow.
#[derive(Debug)]
struct CommandLog {
    activeflow: String,
    /// Number → hash of the bytes.
    lines: BTreeMap<u32, u64>,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    sequence: u32,
    meaning: u64,
    time: Timestamp,
}

/// A command that is not a copy.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NewCommand {
    /// The event before it, and the time since.
    pub follows: Option<(&'static str, Duration)>,
    pub findings: Vec<Finding>,
}

impl Record {
    pub fn new(subject: &str) -> Record {
        Record {
            subject: subject.to_owned(),
            starters: 0,
            logs: Vec::new(),
            open: None,
            is_stirred: false,
            is_hung_up: false,
            under_way: 0,
        }
    }

    /// An event is about to be sent, for the first time or again.
    pub fn sends(&mut self, event: &Event, is_again: bool, at: Instant) {
        self.is_stirred = true;
        self.starters += u32::from(event.is_starter() && !is_again);
        if event.is_starter() || event.kind == "call.digits" {
            self.open = Some((event.kind, at));
        }
    }

    /// An event was stored; over REST with the activeflow that received it.
    pub fn stored(&mut self, event: &Event, activeflow: Option<&str>) {
        self.is_hung_up |= event.kind == "call.hangup";
        if let Some(activeflow) = activeflow {
            self.belongs(activeflow);
        }
    }

    pub fn belongs(&mut self, activeflow: &str) {
        self.log(activeflow);
    }

    /// Records a command. `Ok(None)` is a correct copy; an error is a finding about a copy.
    pub fn receive(
        &mut self,
        command: &Command,
        body: &[u8],
        at: Instant,
        late: Duration,
    ) -> Result<Option<NewCommand>, Finding> {
        let Some((activeflow, sequence)) = command.parts() else { return Ok(None) };
        let (is_stirred, subject) = (self.is_stirred, self.subject.clone());
        let log = self.log(activeflow);
        let bytes = hash(&body);
        match log.lines.insert(sequence, bytes) {
            Some(known) if known == bytes => return Ok(None),
            Some(_) => return Err(Finding::TwoBodies { id: command.id.clone() }),
            None => {}
        }
        let mut new = NewCommand::default();
        let last = Last { sequence, meaning: meaning(command), time: command.time };
        if let Some(before) = &log.last {
            new.findings.extend(compare(before, &last, activeflow, is_stirred));
        }
        log.last = Some(last);
        self.is_stirred = false;
        new.follows = self.open.take().map(|(event, since)| (event, at.saturating_duration_since(since)));
        if let Some((event, after)) = new.follows
            && must_follow(event)
            && after > late
        {
            new.findings.push(Finding::Late { subject, event, after });
        }
        Ok(Some(new))
    }

    /// Whether an event that starts an activeflow has had no effect so far.
    pub fn is_silent(&self) -> bool {
        self.starters > 0 && self.logs.is_empty()
    }

    /// The event that still waits for its command.
    pub fn waits(&self) -> Option<(&'static str, Instant)> {
        self.open.filter(|(event, _)| must_follow(event))
    }

    /// Findings at the end, when no more commands arrive.
    pub fn judge(&self) -> Vec<Finding> {
        let gap = |log: &CommandLog| {
            let highest = log.lines.last_key_value().map_or(0, |(sequence, _)| *sequence);
            let missing: Vec<u32> =
                (1..=highest).filter(|sequence| !log.lines.contains_key(sequence)).collect();
            (!missing.is_empty()).then(|| Finding::Gap { activeflow: log.activeflow.clone(), missing })
        };
        let mut findings: Vec<Finding> = self.logs.iter().filter_map(gap).collect();
        if self.logs.len() > self.starters as usize {
            findings.push(Finding::ManyActiveflows {
                subject: self.subject.clone(),
                activeflows: self.logs.iter().map(|log| log.activeflow.clone()).collect(),
                starters: self.starters,
            });
        }
        findings
    }

    fn log(&mut self, activeflow: &str) -> &mut CommandLog {
        let known = self.logs.iter().position(|log| log.activeflow == activeflow);
        let at = known.unwrap_or_else(|| {
            let log = CommandLog { activeflow: activeflow.to_owned(), lines: BTreeMap::new(), last: None };
            self.logs.push(log);
            self.logs.len() - 1
        });
        &mut self.logs[at]
    }
}

/// Whether a command must follow soon. A flow may wait for more digits, and usage of a SIM may need no command.
fn must_follow(event: &str) -> bool {
    matches!(event, "call.incoming" | "message.received")
}

fn compare(before: &Last, now: &Last, activeflow: &str, is_stirred: bool) -> Option<Finding> {
    if now.sequence < before.sequence {
        let (before, after) = (before.sequence, now.sequence);
        return Some(Finding::Disordered { activeflow: activeflow.to_owned(), before, after });
    }
    let is_repeated = !is_stirred
        && now.meaning == before.meaning
        && now.time.micros_since(before.time) < REPEATED_WITHIN_US;
    is_repeated.then(|| Finding::SameStep {
        first: format!("{activeflow}:{}", before.sequence),
        second: format!("{activeflow}:{}", now.sequence),
    })
}

fn meaning(command: &Command) -> u64 {
    hash(&(&command.kind, common::json::to_text(&command.data)))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
