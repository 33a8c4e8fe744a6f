//! The judge: compares the log with the scripts and names every disagreement.

use super::flow::{Asked, CallScript, Flow};
use super::reader::Leftover;
use super::run_log::{ActiveflowCommands, Line, RunLog, hash, meaning};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A confirmed call lacks commands.
    Lost {
        subject: String,
        missing: Vec<String>,
        got: usize,
    },
    /// A call received more than its flow asks for.
    Beyond {
        subject: String,
        ids: Vec<String>,
    },
    /// The right number, but not what the flow says at this place.
    Different {
        subject: String,
        id: String,
        expected: String,
    },
    /// Commands for a subject that never called.
    Invented {
        subject: String,
        commands: usize,
    },
    /// One call, several activeflows.
    StartedTwice {
        subject: String,
        activeflows: Vec<String>,
    },
    CopiesDiffer {
        subject: String,
        id: String,
    },
    /// First appearances out of order.
    Disordered {
        subject: String,
        before: u32,
        after: u32,
    },
    /// A body or its properties are not as interface.md says.
    Unreadable {
        why: String,
    },
    /// In the rejected or unrouted queue without an explanation.
    Unexplained {
        queue: String,
        message_id: String,
        why: String,
    },
    /// Rubbish that was confirmed and is not in the rejected queue.
    RejectionLost {
        message_id: String,
    },
}

/// Violations and counts of a run.
#[derive(Debug, Default)]
pub struct Verdict {
    pub calls: usize,
    pub commands: u64,
    pub copies: u64,
    pub rejected: usize,
    pub violations: Vec<Violation>,
}

/// Judges the log against the scripts of all confirmed calls.
///
/// # Errors
/// The flow cannot be interpreted.
pub fn judge(log: &RunLog, flow: &Flow, scripts: &BTreeMap<String, CallScript>) -> anyhow::Result<Verdict> {
    let mut violations = log.faults.clone();
    for (subject, script) in scripts {
        let asked = flow.asked(script.clone())?;
        let activeflows = log.calls.get(subject);
        violations.extend(judge_call(subject, &asked, activeflows));
    }
    for (subject, activeflows) in &log.calls {
        if !scripts.contains_key(subject) {
            let commands = activeflows.values().map(|page| page.lines.len()).sum();
            violations.push(Violation::Invented { subject: subject.clone(), commands });
        }
    }
    let RunLog { commands, copies, .. } = *log;
    Ok(Verdict { calls: scripts.len(), commands, copies, rejected: 0, violations })
}

fn judge_call(
    subject: &str,
    asked: &[Asked],
    activeflows: Option<&BTreeMap<String, ActiveflowCommands>>,
) -> Vec<Violation> {
    let subject = subject.to_owned();
    let none = BTreeMap::new();
    let activeflows = activeflows.unwrap_or(&none);
    if activeflows.len() > 1 {
        return vec![Violation::StartedTwice { subject, activeflows: activeflows.keys().cloned().collect() }];
    }
    let Some((activeflow, page)) = activeflows.first_key_value() else {
        let missing = asked.iter().map(|asked| asked.action_id.clone()).collect();
        return vec![Violation::Lost { subject, missing, got: 0 }];
    };
    let mut violations = Vec::new();
    if let Some((before, after)) = page.disordered {
        violations.push(Violation::Disordered { subject: subject.clone(), before, after });
    }
    let by_sequence: BTreeMap<u32, &Line> = page.lines.iter().map(|line| (line.sequence, line)).collect();
    let mut missing = Vec::new();
    for (sequence, asked) in (1..).zip(asked) {
        match by_sequence.get(&sequence) {
            None => missing.push(format!("{activeflow}:{sequence} {}", asked.action_id)),
            Some(line) if line.meaning != meaning(&asked.kind, &asked.action_id, asked.text.as_deref()) => {
                let id = format!("{activeflow}:{sequence}");
                let expected = format!("{asked:?}");
                violations.push(Violation::Different { subject: subject.clone(), id, expected });
            }
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        violations.push(Violation::Lost { subject: subject.clone(), missing, got: page.lines.len() });
    }
    let beyond = by_sequence.keys().filter(|sequence| **sequence as usize > asked.len() || **sequence == 0);
    let ids: Vec<String> = beyond.map(|sequence| format!("{activeflow}:{sequence}")).collect();
    if !ids.is_empty() {
        violations.push(Violation::Beyond { subject, ids });
    }
    violations
}

impl Verdict {
    /// Adds what lay in the rejected and unrouted queues; `rubbish` are the hashes of the bodies that belong there.
    pub fn weigh_leftovers(&mut self, leftovers: &[Leftover], rubbish: &BTreeMap<u64, String>) {
        let mut found = BTreeSet::new();
        for left in leftovers {
            let body = hash(&left.body);
            if left.queue.ends_with("rejected") && rubbish.contains_key(&body) {
                found.insert(body);
                continue;
            }
            let (queue, message_id) = (left.queue.clone(), left.message_id.clone());
            let excerpt = String::from_utf8_lossy(&left.body).chars().take(300).collect::<String>();
            let why = format!("{} {excerpt}", left.headers);
            self.violations.push(Violation::Unexplained { queue, message_id, why });
        }
        self.rejected = found.len();
        let lost = rubbish.iter().filter(|(body, _)| !found.contains(body));
        self.violations.extend(lost.map(|(_, id)| Violation::RejectionLost { message_id: id.clone() }));
    }

    /// The key under which [`Verdict::weigh_leftovers`] knows a body.
    pub fn key(body: &[u8]) -> u64 {
        hash(body)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { calls, commands, copies, rejected, violations } = self;
        writeln!(
            f,
            "{calls} calls, {commands} commands, {copies} copies, {rejected} rejected as they should be"
        )?;
        writeln!(f, "{} violations", violations.len())?;
        for violation in violations.iter().take(40) {
            writeln!(f, "  {violation:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
