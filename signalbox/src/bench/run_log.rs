//! Log of one run: when each event was sent, when its activeflow ended, which of its commands arrived. Written without
//! locks by the probe and the gateway, judged at the end.

use super::flows::{Flow, KIND, SOURCE};
use common::ActiveflowId;
use common::address::DEFAULT_REALM;
use flow::route::Reference;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub struct RunLog {
    pub flow: Flow,
    prefix: String,
    numbers: HashMap<ActiveflowId, u32>,
    begun: Instant,
    lines: Vec<Line>,
    delivered: AtomicU64,
    parked: AtomicUsize,
    ended: AtomicUsize,
    last_end: AtomicU64,
    ended_again: AtomicUsize,
    commands: AtomicUsize,
}

/// Moments in microseconds since the run began, moved by one; 0 is not yet.
#[derive(Default)]
struct Line {
    sent: AtomicU64,
    ended: AtomicU64,
    /// One bit for each command that came.
    commands: AtomicU64,
}

/// Counts that must be zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Activeflows that did not end, and commands that did not come.
    pub lost: usize,
    /// Activeflows that ended twice.
    pub doubled: usize,
}

impl RunLog {
    /// For `count` events; `prefix` is new with every run. The ids of the activeflows are known beforehand.
    pub fn new(flow: Flow, prefix: String, count: usize) -> RunLog {
        let number = |number: u32| {
            let subject = subject(&prefix, number);
            let reference =
                Reference { realm: DEFAULT_REALM.into(), kind: KIND.into(), subject: subject.clone() };
            (ActiveflowId::derive(&reference, SOURCE, &subject, &flow.event_type(), &flow.id()), number)
        };
        RunLog {
            numbers: (0..count as u32).map(number).collect(),
            flow,
            begun: Instant::now(),
            lines: (0..count).map(|_| Line::default()).collect(),
            delivered: AtomicU64::new(0),
            parked: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            last_end: AtomicU64::new(0),
            ended_again: AtomicUsize::new(0),
            commands: AtomicUsize::new(0),
            prefix,
        }
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Event id and subject of event `number`.
    pub fn subject(&self, number: u32) -> String {
        subject(&self.prefix, number)
    }

    pub fn ids(&self) -> impl Iterator<Item = ActiveflowId> {
        self.numbers.keys().copied()
    }

    pub fn sent(&self, number: u32) {
        if let Some(line) = self.lines.get(number as usize) {
            line.sent.store(self.moment(), Ordering::Relaxed);
        }
    }

    /// An event was stored.
    pub fn delivered(&self) {
        let _ = self.delivered.compare_exchange(0, self.moment(), Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn parked(&self, id: ActiveflowId) {
        if self.numbers.contains_key(&id) {
            self.parked.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn ended(&self, id: ActiveflowId) {
        let Some(line) = self.line(id) else { return };
        let now = self.moment();
        if line.ended.swap(now, Ordering::Relaxed) == 0 {
            self.last_end.fetch_max(now, Ordering::Relaxed);
            self.ended.fetch_add(1, Ordering::Relaxed);
        } else {
            self.ended_again.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A command came, named `<activeflow id>:<sequence>`. A copy counts once.
    pub fn command_received(&self, command_id: &str) {
        let Some((id, sequence)) = command_id.rsplit_once(':') else { return };
        let (Ok(id), Ok(sequence)) = (id.parse(), sequence.parse::<u32>()) else { return };
        let Some(line) = self.line(id) else { return };
        let bit = 1_u64 << (sequence % 64);
        if line.commands.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            self.commands.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Activeflows parked so far; one that parks twice counts twice.
    pub fn parked_so_far(&self) -> usize {
        self.parked.load(Ordering::Relaxed)
    }

    pub fn ended_so_far(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    pub fn commands_so_far(&self) -> usize {
        self.commands.load(Ordering::Relaxed)
    }

    /// Time from the first stored event to the last end.
    pub fn span(&self) -> Duration {
        let (first, last) = (self.delivered.load(Ordering::Relaxed), self.last_end.load(Ordering::Relaxed));
        Duration::from_micros(last.saturating_sub(first).max(1))
    }

    /// Time from sending each event to the end of its activeflow, in microseconds, for the events from `first` on.
    pub fn latencies(&self, first: usize) -> Vec<u64> {
        let span = |line: &Line| {
            let (sent, ended) = (line.sent.load(Ordering::Relaxed), line.ended.load(Ordering::Relaxed));
            (sent > 0 && ended > 0).then(|| ended.saturating_sub(sent))
        };
        self.lines.iter().skip(first).filter_map(span).collect()
    }

    /// Faults, if each activeflow should have sent `commands` commands.
    pub fn faults(&self, commands: usize) -> Faults {
        let (ended, came) = (self.ended_so_far(), self.commands_so_far());
        Faults {
            lost: self.len() - ended + (self.len() * commands).saturating_sub(came),
            doubled: self.ended_again.load(Ordering::Relaxed),
        }
    }

    fn line(&self, id: ActiveflowId) -> Option<&Line> {
        self.lines.get(*self.numbers.get(&id)? as usize)
    }

    fn moment(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64 + 1
    }
}

fn subject(prefix: &str, number: u32) -> String {
    format!("{prefix}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (RunLog, Vec<ActiveflowId>) {
        let log = RunLog::new(Flow::Commands { steps: 2 }, "run".into(), 2);
        let ids = log.ids().collect();
        (log, ids)
    }

    #[test]
    fn what_did_not_end_or_come_is_lost_and_what_ended_twice_doubled() {
        let (log, ids) = log();
        assert_eq!(log.faults(2), Faults { lost: 6, doubled: 0 });
        for id in &ids {
            log.ended(*id);
            log.command_received(&format!("{id}:1"));
            log.command_received(&format!("{id}:2"));
        }
        assert_eq!(log.faults(2), Faults::default());
        log.ended(ids[0]);
        log.command_received(&format!("{}:1", ids[0]));
        log.command_received("00000000-0000-8000-8000-000000000000:1");
        assert_eq!(log.faults(2), Faults { lost: 0, doubled: 1 });
    }
}
