//! A conversation: the texter writes to an address and replies as the answers ask; the gateway reports
//! every message as delivered.

use super::participant::{Addresses, Input, Participant, RunContext};
use super::speech_parse;
use crate::rng::Rng;
use crate::targets::Target;
use crate::wire::Command;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Time without a message after which the conversation ends.
const PATIENCE: Duration = Duration::from_secs(15);
/// Maximum number of messages of one texter.
const ROUNDS: u32 = 8;
const GREETINGS: [&str; 5] =
    ["Hello", "My bike is broken", "Are you there?", "Is my parcel ready?", "I would like to come by"];
const UNCLEAR: [&str; 3] = ["maybe", "what do you mean", "who is this"];

/// A later action of the texter or the gateway.
enum PendingAction {
    Delivered(String),
    Write(String),
    /// Nothing more is expected.
    Leave,
}

struct Conversation<'a> {
    participant: Participant<'a>,
    due: Vec<(Instant, PendingAction)>,
    written: u32,
}

pub async fn play(context: &RunContext, target: &Target, number: u64, to: String, mut rng: Rng) {
    let from = format!("+1555{:06}", (context.first_peer + number) % 1_000_000);
    let greeting = rng.pick(&GREETINGS).copied().unwrap_or("Hello");
    let addresses = Addresses { subject: format!("{to},{from}"), from, to };
    let participant = Participant::begin(context, target, number, addresses, rng);
    let mut conversation = Conversation { participant, due: Vec::new(), written: 0 };
    if conversation.write(greeting.to_owned()).await {
        conversation.talk().await;
    }
    conversation.participant.end().await;
}

impl Conversation<'_> {
    async fn talk(&mut self) {
        loop {
            let first = (0..self.due.len()).min_by_key(|at| self.due[*at].0);
            let due = first.map_or_else(|| Instant::now() + PATIENCE, |at| self.due[at].0);
            let goes_on = match (self.participant.next(due).await, first) {
                (Input::Command(command), _) => {
                    self.read(command);
                    true
                }
                (Input::Due, Some(first)) => match self.due.swap_remove(first).1 {
                    PendingAction::Delivered(command_id) => {
                        let result = json!({ "delivered": true });
                        let data = json!({ "command_id": command_id, "result": result });
                        self.participant.send("command.completed", data).await
                    }
                    PendingAction::Write(text) => self.write(text).await,
                    PendingAction::Leave => false,
                },
                (Input::Due, None) | (Input::Stop, _) => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn write(&mut self, text: String) -> bool {
        self.written += 1;
        self.participant.step(format!("\"{text}\""));
        let data = json!({ "from": self.participant.transcript.from, "to": self.participant.transcript.to, "text": text });
        self.participant.send("message.received", data).await
    }

    fn read(&mut self, command: Command) {
        if command.kind != "message.send" {
            return;
        }
        self.later(100, 800, PendingAction::Delivered(command.id.clone()));
        if command.text("to") != self.participant.transcript.from {
            return self.participant.step(format!("{} (to another)", command.action_id()));
        }
        self.participant.step(command.action_id());
        // A new message replaces the planned reply.
        self.due.retain(|(_, action)| !matches!(action, PendingAction::Write(_) | PendingAction::Leave));
        match self.reply(command.text("text")) {
            Some(text) => self.later(1_500, 6_000, PendingAction::Write(text)),
            None => self.later(1_500, 2_000, PendingAction::Leave),
        }
    }

    /// The reply to a message, if any.
    fn reply(&mut self, text: &str) -> Option<String> {
        let offered = speech_parse::answers(text);
        let is_asked = !offered.is_empty() || speech_parse::is_question(text);
        let rng = &mut self.participant.rng;
        if !is_asked || self.written >= ROUNDS || rng.percent(5) {
            return None;
        }
        let unclear = UNCLEAR.map(str::to_owned);
        let from = if offered.is_empty() || rng.percent(15) { &unclear[..] } else { &offered[..] };
        rng.pick(from).cloned()
    }

    fn later(&mut self, low: u64, high: u64, action: PendingAction) {
        let at = Instant::now() + self.participant.pause(low, high);
        self.due.push((at, action));
    }
}
