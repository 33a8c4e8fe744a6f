//! One participant of a run: it publishes events, receives commands, and keeps a transcript.

use crate::api::Api;
use crate::audit;
use crate::gateway::Gateway;
use crate::kind::Kind;
use crate::ledger::Ledger;
use crate::link::{Attempt, Link};
use crate::rng::Rng;
use crate::targets::Target;
use crate::wire::{Command, Event};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Shared by all participants of a run.
pub struct RunContext {
    pub link: Arc<dyn Link>,
    pub api: Arc<dyn Api>,
    pub ledger: Arc<Ledger>,
    pub gateway: Arc<Gateway>,
    /// Source of the events, unique to the run.
    pub source: String,
    /// Unique name of the run, for subjects.
    pub run: String,
    /// First number of the texters, below a million.
    pub first_peer: u64,
    /// Factor by which participants are faster than people.
    pub speed: f64,
    pub stop: CancellationToken,
    /// Receives a transcript at the start and at the end of each participant.
    pub transcripts: Option<mpsc::UnboundedSender<Transcript>>,
}

/// Steps of one participant so far.
#[derive(Clone, Debug)]
pub struct Transcript {
    pub kind: Kind,
    pub subject: String,
    pub from: String,
    pub to: String,
    /// Name of the flow behind the address; empty if unknown.
    pub flow: String,
    /// Actions and reactions, in order.
    pub steps: Vec<String>,
    /// First activeflow that sent a command.
    pub activeflow: Option<String>,
    /// Duration; `None` while the participant is active.
    pub took: Option<Duration>,
}

/// Time for retries after the end of the run was requested.
const LAST_TRIES: Duration = Duration::from_secs(3);
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// One caller, one texter, or one SIM.
pub(super) struct Participant<'a> {
    pub context: &'a RunContext,
    pub rng: Rng,
    pub transcript: Transcript,
    pub mailbox: mpsc::UnboundedReceiver<Command>,
    /// Prefix of event ids, and number of events so far.
    pub name: String,
    pub events: u32,
    pub began: Instant,
}

/// Next input of a participant.
pub(super) enum Input {
    Command(Command),
    Due,
    /// The run ends.
    Stop,
}

impl<'a> Participant<'a> {
    pub fn begin(
        context: &'a RunContext,
        target: &Target,
        number: u64,
        addresses: Addresses,
        rng: Rng,
    ) -> Participant<'a> {
        let Addresses { subject, from, to } = addresses;
        let (kind, flow) = (target.kind, target.flow.clone());
        context.ledger.opens(&subject);
        let mailbox = context.gateway.mailbox(&subject);
        let transcript =
            Transcript { kind, subject, from, to, flow, steps: Vec::new(), activeflow: None, took: None };
        let name = format!("{}-{number}", context.run);
        let participant =
            Participant { context, rng, transcript, mailbox, name, events: 0, began: Instant::now() };
        participant.report();
        participant
    }

    /// Publishes an event until it is stored. False if it was refused or the run ends.
    pub async fn send(&mut self, kind: &'static str, data: Value) -> bool {
        self.events += 1;
        let id = format!("{}-{}", self.name, self.events);
        let event = Event::new(&self.context.source, id, kind, &self.transcript.subject, &data);
        let mut pause = SHORTEST_PAUSE;
        let mut last_tries: Option<Instant> = None;
        for is_again in std::iter::once(false).chain(std::iter::repeat(true)) {
            self.context.ledger.sends(&event, is_again);
            match self.context.link.send(&event).await {
                Attempt::Stored { activeflow } => {
                    self.context.ledger.stored(&event, activeflow.as_deref());
                    if self.transcript.activeflow.is_none() {
                        self.transcript.activeflow = activeflow;
                    }
                    return true;
                }
                Attempt::Refused(why) => {
                    self.context.ledger.refused(&event, why);
                    return false;
                }
                Attempt::Again(why) => tracing::debug!(event = event.id, "sending again: {why}"),
            }
            if self.context.stop.is_cancelled()
                && *last_tries.get_or_insert_with(|| Instant::now() + LAST_TRIES) < Instant::now()
            {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.context.ledger.unsettled();
        false
    }

    /// The next command, or the moment `due`, whichever comes first.
    pub async fn next(&mut self, due: Instant) -> Input {
        tokio::select! {
            biased;
            () = self.context.stop.cancelled() => Input::Stop,
            Some(command) = self.mailbox.recv() => {
                if self.transcript.activeflow.is_none() {
                    self.transcript.activeflow = command.parts().map(|(activeflow, _)| activeflow.to_owned());
                }
                Input::Command(command)
            }
            () = tokio::time::sleep_until(due) => Input::Due,
        }
    }

    /// A random pause of a person, between two numbers of milliseconds, divided by the speed.
    pub fn pause(&mut self, low: u64, high: u64) -> Duration {
        self.rng.millis(low, high).div_f64(self.context.speed)
    }

    pub fn step(&mut self, what: impl Into<String>) {
        self.transcript.steps.push(what.into());
    }

    pub fn report(&self) {
        if let Some(transcripts) = &self.context.transcripts {
            // At the end of a run there may be no receiver.
            let _ = transcripts.send(self.transcript.clone());
        }
    }

    /// Ends the participant and audits what was not answered.
    pub async fn end(mut self) {
        self.transcript.took = Some(self.began.elapsed());
        self.report();
        audit::of_participant(
            &*self.context.api,
            &self.context.ledger,
            self.transcript.kind,
            &self.transcript.subject,
        )
        .await;
        self.context.gateway.forget(&self.transcript.subject);
        self.context.ledger.closes(&self.transcript.subject);
    }
}

/// Subject and addresses of a participant.
pub(super) struct Addresses {
    pub subject: String,
    pub from: String,
    pub to: String,
}
