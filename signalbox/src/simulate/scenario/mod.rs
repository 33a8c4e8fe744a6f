//! What callers, people who write and SIMs do. A scenario knows no flow: it hears what is said and acts on it as people
//! would. Events of one party go out one after another, each after the last is stored, so that their order is the source's.

mod call;
mod ears;
mod message;
mod sim;

use super::audit;
use super::dice::Dice;
use super::ledger::Ledger;
use super::link::{Attempt, Link};
use super::switchboard::Switchboard;
use super::targets::Target;
use super::wire::{Command, Event};
use crate::client::Client;
use clap::ValueEnum;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Kind {
    /// People call, listen, press digits and hang up
    Call,
    /// People write messages and answer what comes back
    Message,
    /// SIMs report their usage until somebody is told of it
    Sim,
}

impl Kind {
    /// As routes and references name it.
    pub fn reference_type(self) -> &'static str {
        match self {
            Kind::Call => "call",
            Kind::Message => "sms",
            Kind::Sim => "sim",
        }
    }

    pub fn plural(self) -> &'static str {
        match self {
            Kind::Call => "calls",
            Kind::Message => "conversations",
            Kind::Sim => "SIMs",
        }
    }
}

/// What every party of a run shares.
pub struct Line {
    pub link: Arc<dyn Link>,
    pub client: Arc<Client>,
    pub ledger: Arc<Ledger>,
    pub switchboard: Arc<Switchboard>,
    /// The source of the events, which no other run has.
    pub source: String,
    /// A few letters that no other run has, for subjects.
    pub run: String,
    /// Where the numbers of those who write begin, out of a million.
    pub first_peer: u64,
    /// How many times faster than people.
    pub speed: f64,
    pub stop: CancellationToken,
    /// Who wants to hear what parties do.
    pub stories: Option<mpsc::UnboundedSender<Story>>,
}

/// What one party did, as far as it got.
#[derive(Clone, Debug)]
pub struct Story {
    pub kind: Kind,
    pub subject: String,
    pub from: String,
    pub to: String,
    /// Where the address leads, as far as it is known.
    pub flow: String,
    /// Empty at the beginning.
    pub steps: Vec<String>,
    /// The first activeflow that answered.
    pub activeflow: Option<String>,
    /// `None` while it goes on.
    pub took: Option<Duration>,
}

/// How long an event is repeated after the end was asked for.
const LAST_TRIES: Duration = Duration::from_secs(3);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// One caller, one who writes, or one SIM.
pub(super) struct Party<'a> {
    line: &'a Line,
    dice: Dice,
    story: Story,
    mailbox: mpsc::UnboundedReceiver<Command>,
    /// Prefix of event ids, and how many there are.
    name: String,
    events: u32,
    began: Instant,
}

/// What happens next.
pub(super) enum Next {
    Command(Command),
    Due,
    /// The run is to end.
    Stop,
}

/// Plays the `number`-th party of a run to its end. `to` is an address of `target`: a number, or an ICCID.
pub async fn play(line: &Line, target: &Target, number: u64, to: String, dice: Dice) {
    match target.kind {
        Kind::Call => call::play(line, target, number, to, dice).await,
        Kind::Message => message::play(line, target, number, to, dice).await,
        Kind::Sim => sim::play(line, target, number, to, dice).await,
    }
}

impl<'a> Party<'a> {
    fn begin(line: &'a Line, target: &Target, number: u64, who: Who, dice: Dice) -> Party<'a> {
        let Who { subject, from, to } = who;
        let (kind, flow) = (target.kind, target.flow.clone());
        line.ledger.opens(&subject);
        let mailbox = line.switchboard.mailbox(&subject);
        let story = Story { kind, subject, from, to, flow, steps: Vec::new(), activeflow: None, took: None };
        let name = format!("{}-{number}", line.run);
        let party = Party { line, dice, story, mailbox, name, events: 0, began: Instant::now() };
        party.tell();
        party
    }

    /// Sends an event until it is stored. False when it never will be: nothing more is to be expected.
    async fn send(&mut self, kind: &'static str, data: Value) -> bool {
        self.events += 1;
        let id = format!("{}-{}", self.name, self.events);
        let event = Event::new(&self.line.source, id, kind, &self.story.subject, &data);
        let mut pause = SHORTEST_PAUSE;
        let mut last_tries: Option<Instant> = None;
        for is_again in std::iter::once(false).chain(std::iter::repeat(true)) {
            self.line.ledger.sends(&event, is_again);
            match self.line.link.send(&event).await {
                Attempt::Stored { activeflow } => {
                    self.line.ledger.stored(&event, activeflow.as_deref());
                    if self.story.activeflow.is_none() {
                        self.story.activeflow = activeflow;
                    }
                    return true;
                }
                Attempt::Refused(why) => {
                    self.line.ledger.refused(&event, why);
                    return false;
                }
                Attempt::Again(why) => tracing::debug!(event = event.id, "sending again: {why}"),
            }
            if self.line.stop.is_cancelled()
                && *last_tries.get_or_insert_with(|| Instant::now() + LAST_TRIES) < Instant::now()
            {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.line.ledger.unsettled();
        false
    }

    /// The next command, or the moment `due`, whichever comes first.
    async fn next(&mut self, due: Instant) -> Next {
        tokio::select! {
            biased;
            () = self.line.stop.cancelled() => Next::Stop,
            Some(command) = self.mailbox.recv() => {
                if self.story.activeflow.is_none() {
                    self.story.activeflow = command.parts().map(|(activeflow, _)| activeflow.to_owned());
                }
                Next::Command(command)
            }
            () = tokio::time::sleep_until(due) => Next::Due,
        }
    }

    /// A time that people take, between two numbers of milliseconds.
    fn pause(&mut self, low: u64, high: u64) -> Duration {
        self.dice.millis(low, high).div_f64(self.line.speed)
    }

    fn step(&mut self, what: impl Into<String>) {
        self.story.steps.push(what.into());
    }

    fn tell(&self) {
        if let Some(stories) = &self.line.stories {
            // Nobody listens any more at the very end.
            let _ = stories.send(self.story.clone());
        }
    }

    /// The party is over; what has not been answered is asked for.
    async fn end(mut self) {
        self.story.took = Some(self.began.elapsed());
        self.tell();
        audit::of_party(self.line, self.story.kind, &self.story.subject).await;
        self.line.switchboard.forget(&self.story.subject);
        self.line.ledger.closes(&self.story.subject);
    }
}

/// Between whom it is.
pub(super) struct Who {
    pub subject: String,
    pub from: String,
    pub to: String,
}
