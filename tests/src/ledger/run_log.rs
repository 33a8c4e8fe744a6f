//! The log: every command as it was read, by call, in the order of first appearance.

use super::verdict::Violation;
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A command as it lay in the ledger's queue: properties and body.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub routing_key: String,
    pub message_id: Option<String>,
    pub correlation_id: Option<String>,
    pub content_type: Option<String>,
    pub persistent: bool,
    /// Header `reference`.
    pub reference: Option<String>,
    pub body: Vec<u8>,
}

/// One command of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub sequence: u32,
    pub body: u64,
    /// Hash of type, action and text, for the verdict.
    pub meaning: u64,
}

/// Commands of one activeflow about one subject.
#[derive(Debug, Default)]
pub(super) struct ActiveflowCommands {
    pub lines: Vec<Line>,
    /// A higher sequence appeared before a lower one.
    pub disordered: Option<(u32, u32)>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub struct RunLog {
    /// By subject, then by activeflow id.
    pub(super) calls: BTreeMap<String, BTreeMap<String, ActiveflowCommands>>,
    pub(super) faults: Vec<Violation>,
    pub commands: u64,
    pub copies: u64,
}

impl RunLog {
    pub fn note(&mut self, received: &Received) {
        match entry(received) {
            Ok(entry) => self.enter(entry),
            Err(why) => self.faults.push(Violation::Unreadable { why }),
        }
    }

    fn enter(&mut self, entry: Entry) {
        let Entry { subject, activeflow, line } = entry;
        let page = self.calls.entry(subject.clone()).or_default().entry(activeflow.clone()).or_default();
        match page.lines.iter().find(|known| known.sequence == line.sequence) {
            Some(known) => {
                self.copies += 1;
                if known.body != line.body {
                    let id = format!("{activeflow}:{}", line.sequence);
                    self.faults.push(Violation::CopiesDiffer { subject, id });
                }
            }
            None => {
                self.commands += 1;
                if let Some(last) = page.lines.last()
                    && last.sequence > line.sequence
                {
                    page.disordered.get_or_insert((last.sequence, line.sequence));
                }
                page.lines.push(line);
            }
        }
    }

    /// Number of distinct commands of a subject.
    pub fn command_count(&self, subject: &str) -> usize {
        self.calls
            .get(subject)
            .map_or(0, |activeflows| activeflows.values().map(|page| page.lines.len()).sum())
    }
}

struct Entry {
    subject: String,
    activeflow: String,
    line: Line,
}

/// Reads one command and compares its properties with its body, as interface.md has them.
fn entry(received: &Received) -> Result<Entry, String> {
    let body: Value = serde_json::from_slice(&received.body).map_err(|e| format!("not JSON: {e}"))?;
    let text = |key: &str| body[key].as_str().ok_or_else(|| format!("no `{key}` in {body}"));
    let (id, kind, subject) = (text("id")?, text("type")?, text("subject")?);
    let wrong = |what: &str| Err(format!("{what} of {id} is not as promised: {received:?}"));
    let Some((activeflow, sequence)) = id.rsplit_once(':') else { return wrong("the id") };
    let Ok(sequence) = sequence.parse() else { return wrong("the sequence") };
    if received.message_id.as_deref() != Some(id) {
        return wrong("message_id");
    }
    if received.correlation_id.as_deref() != Some(activeflow) || body["data"]["activeflow_id"] != activeflow {
        return wrong("the activeflow id");
    }
    if received.routing_key != kind || received.reference.as_deref() != Some(subject) {
        return wrong("routing key or header reference");
    }
    if received.content_type.as_deref() != Some("application/cloudevents+json") || !received.persistent {
        return wrong("content type or delivery mode");
    }
    let data = &body["data"];
    let action = data["action_id"].as_str().unwrap_or_default();
    let line =
        Line { sequence, body: hash(&received.body), meaning: meaning(kind, action, data["text"].as_str()) };
    Ok(Entry { subject: subject.into(), activeflow: activeflow.into(), line })
}

pub(super) fn meaning(kind: &str, action_id: &str, text: Option<&str>) -> u64 {
    hash(&(kind, action_id, text))
}

pub(super) fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
