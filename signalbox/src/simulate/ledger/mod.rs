//! The ledger: what was published and stored, which commands came of it, and what of that is lost, doubled or late.
//!
//! It takes the carrier's word for what was stored, counts the commands of every activeflow (1, 2, 3 … without a gap, the
//! same bytes under the same id), and what only Signalbox can say is asked by [`super::audit`]. Pages of conversations
//! that are long over are judged and dropped, so that a run of days takes no more memory than one of minutes.

mod finding;
mod latency;
mod page;
#[cfg(test)]
mod tests;
mod verdict;

pub use finding::{Class, Finding};
pub use verdict::Verdict;

use super::wire::{Command, Event};
use latency::Latencies;
use page::Page;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a page stays open for copies after its conversation is over.
const KEPT: Duration = Duration::from_secs(600);
/// Findings that are kept as sentences; more are only counted.
const TOLD: usize = 50;

pub struct Ledger {
    late: Duration,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    pages: HashMap<String, Page>,
    /// Conversations that are over, oldest first.
    over: VecDeque<(Instant, String)>,
    tally: Tally,
    latencies: BTreeMap<&'static str, Latencies>,
    findings: Vec<Finding>,
    unchecked: Option<String>,
}

/// What was counted so far.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Tally {
    /// Calls, conversations or SIMs.
    pub started: u64,
    pub over: u64,
    /// Events that are stored.
    pub stored: u64,
    /// Times that an event was sent again because its outcome was unknown or it was not taken at once.
    pub repeated: u64,
    /// Events whose outcome is unknown at the end.
    pub unsettled: u64,
    pub commands: u64,
    pub copies: u64,
    pub found: BTreeMap<Class, u64>,
}

impl Tally {
    pub fn of(&self, class: Class) -> u64 {
        self.found.get(&class).copied().unwrap_or_default()
    }
}

impl Ledger {
    /// `late`: how soon a command must follow a call that came in or a message.
    pub fn new(late: Duration) -> Ledger {
        Ledger { late, book: Mutex::default() }
    }

    /// A conversation about `subject` begins.
    pub fn opens(&self, subject: &str) {
        let mut book = self.book();
        book.tally.started += 1;
        book.pages.entry(subject.to_owned()).or_insert_with(|| Page::new(subject)).under_way += 1;
    }

    /// An event is sent, for the first time or again.
    pub fn sends(&self, event: &Event, is_again: bool) {
        let mut book = self.book();
        book.tally.repeated += u64::from(is_again);
        if let Some(page) = book.pages.get_mut(&event.subject) {
            page.sends(event, is_again, Instant::now());
        }
    }

    pub fn stored(&self, event: &Event, activeflow: Option<&str>) {
        let mut book = self.book();
        book.tally.stored += 1;
        if let Some(page) = book.pages.get_mut(&event.subject) {
            page.stored(event, activeflow);
        }
    }

    pub fn refused(&self, event: &Event, why: String) {
        self.book().find(Finding::Refused { subject: event.subject.clone(), event: event.kind, why });
    }

    pub fn unsettled(&self) {
        self.book().tally.unsettled += 1;
    }

    /// True for a command that is not a copy and belongs to this run: only that is to be carried out.
    pub fn heard(&self, command: &Command, body: &[u8]) -> bool {
        let mut book = self.book();
        let Some(page) = book.pages.get_mut(&command.subject) else { return false };
        match page.heard(command, body, Instant::now(), self.late) {
            Ok(Some(news)) => {
                book.tally.commands += 1;
                if let Some((event, after)) = news.follows {
                    book.latencies.entry(event).or_default().add(after);
                }
                news.findings.into_iter().for_each(|finding| book.find(finding));
                true
            }
            Ok(None) => {
                book.tally.copies += 1;
                false
            }
            Err(finding) => {
                book.find(finding);
                false
            }
        }
    }

    /// Whether something was stored that starts an activeflow, and nothing came of it so far.
    pub fn is_silent(&self, subject: &str) -> bool {
        self.book().pages.get(subject).is_some_and(Page::is_silent)
    }

    /// The event that a command must follow and none has, if it is late already.
    pub fn is_late(&self, subject: &str) -> Option<(&'static str, Duration)> {
        let waits = self.book().pages.get(subject).and_then(Page::waits);
        waits.map(|(event, since)| (event, since.elapsed())).filter(|(_, after)| *after > self.late)
    }

    /// Signalbox said that `activeflow` is about `subject`.
    pub fn belongs(&self, subject: &str, activeflow: &str) {
        if let Some(page) = self.book().pages.get_mut(subject) {
            page.belongs(activeflow);
        }
    }

    /// Something could not be asked.
    pub fn is_unchecked(&self, why: String) {
        self.book().unchecked.get_or_insert(why);
    }

    /// Whether a hang-up is stored; also for what is over for long.
    pub fn is_hung_up(&self, subject: &str) -> bool {
        self.book().pages.get(subject).is_none_or(|page| page.is_hung_up)
    }

    pub fn finds(&self, finding: Finding) {
        self.book().find(finding);
    }

    /// The conversation is over; copies of its commands may still come.
    pub fn closes(&self, subject: &str) {
        let mut book = self.book();
        book.tally.over += 1;
        if let Some(page) = book.pages.get_mut(subject) {
            page.under_way -= 1;
        }
        book.over.push_back((Instant::now(), subject.to_owned()));
        while let Some((since, subject)) = book.over.pop_front() {
            if since.elapsed() < KEPT {
                book.over.push_front((since, subject));
                break;
            }
            if book.pages.get(&subject).is_some_and(|page| page.under_way == 0) {
                let judged = book.pages.remove(&subject).map(|page| page.judge()).unwrap_or_default();
                judged.into_iter().for_each(|finding| book.find(finding));
            }
        }
    }

    pub fn tally(&self) -> Tally {
        self.book().tally.clone()
    }

    /// Judges what is left. To be asked once, when nothing more comes.
    pub fn verdict(&self) -> Verdict {
        let mut book = self.book();
        let pages: Vec<Page> = book.pages.drain().map(|(_, page)| page).collect();
        pages.iter().flat_map(Page::judge).for_each(|finding| book.find(finding));
        let unchecked = book.unchecked.clone();
        Verdict::new(&book.tally, &book.findings, &book.latencies, self.late, unchecked)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn find(&mut self, finding: Finding) {
        *self.tally.found.entry(finding.class()).or_default() += 1;
        if self.findings.len() < TOLD {
            self.findings.push(finding);
        }
    }
}
