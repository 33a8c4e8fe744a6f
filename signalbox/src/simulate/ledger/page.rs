//! One reference in the book: what was sent about it, which commands came of it, and what is wrong with that.

use super::finding::Finding;
use crate::simulate::wire::{Command, Event};
use flow::Timestamp;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// Two equal commands within this time, without an event in between, are one step that was done twice.
const REPEATED_WITHIN_US: i64 = 1_000_000;

#[derive(Debug)]
pub struct Page {
    subject: String,
    /// Events that can start an activeflow.
    starters: u32,
    threads: Vec<Thread>,
    /// The event that a command is to follow.
    open: Option<(&'static str, Instant)>,
    /// Something was sent after the last command.
    is_stirred: bool,
    pub is_hung_up: bool,
    /// Conversations that are going on.
    pub under_way: u32,
}

/// What one activeflow said.
#[derive(Debug)]
struct Thread {
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

/// A command that was not there yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// How long after which event it came.
    pub follows: Option<(&'static str, Duration)>,
    pub findings: Vec<Finding>,
}

impl Page {
    pub fn new(subject: &str) -> Page {
        Page {
            subject: subject.to_owned(),
            starters: 0,
            threads: Vec::new(),
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

    /// An event was stored and went to `activeflow`, if that was said.
    pub fn stored(&mut self, event: &Event, activeflow: Option<&str>) {
        self.is_hung_up |= event.kind == "call.hangup";
        if let Some(activeflow) = activeflow {
            self.belongs(activeflow);
        }
    }

    pub fn belongs(&mut self, activeflow: &str) {
        self.thread(activeflow);
    }

    /// A command of this reference came; an error is what is wrong with a copy, `Ok(None)` a copy that is as it should be.
    pub fn heard(
        &mut self,
        command: &Command,
        body: &[u8],
        at: Instant,
        late: Duration,
    ) -> Result<Option<News>, Finding> {
        let Some((activeflow, sequence)) = command.parts() else { return Ok(None) };
        let (is_stirred, subject) = (self.is_stirred, self.subject.clone());
        let thread = self.thread(activeflow);
        let bytes = hash(&body);
        match thread.lines.insert(sequence, bytes) {
            Some(known) if known == bytes => return Ok(None),
            Some(_) => return Err(Finding::TwoBodies { id: command.id.clone() }),
            None => {}
        }
        let mut news = News::default();
        let last = Last { sequence, meaning: meaning(command), time: command.time };
        if let Some(before) = &thread.last {
            news.findings.extend(compare(before, &last, activeflow, is_stirred));
        }
        thread.last = Some(last);
        self.is_stirred = false;
        news.follows = self.open.take().map(|(event, since)| (event, at.saturating_duration_since(since)));
        if let Some((event, after)) = news.follows
            && must_follow(event)
            && after > late
        {
            news.findings.push(Finding::Late { subject, event, after });
        }
        Ok(Some(news))
    }

    /// The event that could have started something, when nothing at all came of it so far.
    pub fn is_silent(&self) -> bool {
        self.starters > 0 && self.threads.is_empty()
    }

    /// An event that a command must follow and none has.
    pub fn waits(&self) -> Option<(&'static str, Instant)> {
        self.open.filter(|(event, _)| must_follow(event))
    }

    /// What is wrong when nothing more comes.
    pub fn judge(&self) -> Vec<Finding> {
        let gap = |thread: &Thread| {
            let highest = thread.lines.last_key_value().map_or(0, |(sequence, _)| *sequence);
            let missing: Vec<u32> =
                (1..=highest).filter(|sequence| !thread.lines.contains_key(sequence)).collect();
            (!missing.is_empty()).then(|| Finding::Gap { activeflow: thread.activeflow.clone(), missing })
        };
        let mut findings: Vec<Finding> = self.threads.iter().filter_map(gap).collect();
        if self.threads.len() > self.starters as usize {
            findings.push(Finding::ManyActiveflows {
                subject: self.subject.clone(),
                activeflows: self.threads.iter().map(|thread| thread.activeflow.clone()).collect(),
                starters: self.starters,
            });
        }
        findings
    }

    fn thread(&mut self, activeflow: &str) -> &mut Thread {
        let known = self.threads.iter().position(|thread| thread.activeflow == activeflow);
        let at = known.unwrap_or_else(|| {
            let thread = Thread { activeflow: activeflow.to_owned(), lines: BTreeMap::new(), last: None };
            self.threads.push(thread);
            self.threads.len() - 1
        });
        &mut self.threads[at]
    }
}

/// A flow may wait for more digits, and a SIM's usage may be of no interest: only these must be answered soon.
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
