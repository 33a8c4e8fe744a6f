//! A conversation: somebody writes to an address and answers what comes back, as it asks to be answered; the gateway says
//! of every message that it was delivered.

use super::{Dice, Line, Next, Party, Target, Who, ears};
use crate::simulate::wire::Command;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Somebody who hears nothing for so long expects nothing more.
const PATIENCE: Duration = Duration::from_secs(15);
/// Nobody answers more often.
const ROUNDS: u32 = 8;
const GREETINGS: [&str; 5] =
    ["Hello", "My bike is broken", "Are you there?", "Is my parcel ready?", "I would like to come by"];
const UNCLEAR: [&str; 3] = ["maybe", "what do you mean", "who is this"];

/// Something that happens later.
enum Deed {
    Delivered(String),
    Write(String),
    /// Nothing more is expected.
    Leave,
}

struct Conversation<'a> {
    party: Party<'a>,
    due: Vec<(Instant, Deed)>,
    written: u32,
}

pub async fn play(line: &Line, target: &Target, number: u64, to: String, mut dice: Dice) {
    let from = format!("+1555{:06}", (line.first_peer + number) % 1_000_000);
    let greeting = dice.pick(&GREETINGS).copied().unwrap_or("Hello");
    let who = Who { subject: format!("{to},{from}"), from, to };
    let party = Party::begin(line, target, number, who, dice);
    let mut conversation = Conversation { party, due: Vec::new(), written: 0 };
    if conversation.write(greeting.to_owned()).await {
        conversation.talk().await;
    }
    conversation.party.end().await;
}

impl Conversation<'_> {
    async fn talk(&mut self) {
        loop {
            let first = (0..self.due.len()).min_by_key(|at| self.due[*at].0);
            let due = first.map_or_else(|| Instant::now() + PATIENCE, |at| self.due[at].0);
            let goes_on = match (self.party.next(due).await, first) {
                (Next::Command(command), _) => {
                    self.read(command);
                    true
                }
                (Next::Due, Some(first)) => match self.due.swap_remove(first).1 {
                    Deed::Delivered(command_id) => {
                        let result = json!({ "delivered": true });
                        let data = json!({ "command_id": command_id, "result": result });
                        self.party.send("command.completed", data).await
                    }
                    Deed::Write(text) => self.write(text).await,
                    Deed::Leave => false,
                },
                (Next::Due, None) | (Next::Stop, _) => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    async fn write(&mut self, text: String) -> bool {
        self.written += 1;
        self.party.step(format!("\"{text}\""));
        let data = json!({ "from": self.party.story.from, "to": self.party.story.to, "text": text });
        self.party.send("message.received", data).await
    }

    fn read(&mut self, command: Command) {
        if command.kind != "message.send" {
            return;
        }
        self.later(100, 800, Deed::Delivered(command.id.clone()));
        if command.text("to") != self.party.story.from {
            return self.party.step(format!("{} (to another)", command.action_id()));
        }
        self.party.step(command.action_id());
        // Another message, another thought.
        self.due.retain(|(_, deed)| !matches!(deed, Deed::Write(_) | Deed::Leave));
        match self.reply(command.text("text")) {
            Some(text) => self.later(1_500, 6_000, Deed::Write(text)),
            None => self.later(1_500, 2_000, Deed::Leave),
        }
    }

    /// What is written back, if something is.
    fn reply(&mut self, text: &str) -> Option<String> {
        let offered = ears::answers(text);
        let is_asked = !offered.is_empty() || ears::is_question(text);
        let dice = &mut self.party.dice;
        if !is_asked || self.written >= ROUNDS || dice.percent(5) {
            return None;
        }
        let unclear = UNCLEAR.map(str::to_owned);
        let from = if offered.is_empty() || dice.percent(15) { &unclear[..] } else { &offered[..] };
        dice.pick(from).cloned()
    }

    fn later(&mut self, low: u64, high: u64, deed: Deed) {
        let at = Instant::now() + self.party.pause(low, high);
        self.due.push((at, deed));
    }
}
