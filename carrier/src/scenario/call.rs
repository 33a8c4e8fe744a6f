//! A call: the caller calls an address, listens, presses digits, leaves a message, hangs up; the gateway answers
//! every prompt after it has been spoken.
//!
//! ```text
//! call.incoming ─► commands … ─► (digits, answers of prompts, each when due) ─► call.hangup
//! ```

use super::participant::{Addresses, Input, Participant, RunContext};
use super::speech_parse;
use crate::rng::Rng;
use crate::speech;
use crate::targets::Target;
use crate::wire::Command;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Time without an answer after which a caller hangs up.
const RINGING: Duration = Duration::from_secs(15);
/// Time without a command after which a caller hangs up. Flows wait for digits for seconds, and that is not sped up.
const PATIENCE: Duration = Duration::from_secs(40);

/// Behavior of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallerBehavior {
    /// Listens to the end, then presses.
    Patient,
    /// Presses while the prompt plays.
    Eager,
    /// Never presses anything.
    Silent,
    /// Hangs up in the middle of this prompt.
    Gone { prompt: u32 },
}

/// A later action of the caller or the gateway.
#[derive(Debug)]
enum PendingAction {
    /// The prompt with this command id has been spoken.
    Spoken(String),
    Answer(String, Value),
    Press(char),
    HangUp,
}

struct Call<'a> {
    participant: Participant<'a>,
    behavior: CallerBehavior,
    /// Presses a digit that was not offered, once.
    errs: bool,
    due: Vec<(Instant, PendingAction)>,
    prompts: u32,
    /// Something was receive.
    is_answered: bool,
}

pub async fn play(context: &RunContext, target: &Target, number: u64, to: String, mut rng: Rng) {
    let from = caller(&mut rng);
    let behavior = behavior(&mut rng);
    let errs = rng.percent(8);
    let addresses = Addresses { subject: format!("call-{}-{number}", context.run), from, to };
    let data = json!({ "from": addresses.from, "to": addresses.to, "direction": "incoming" });
    let participant = Participant::begin(context, target, number, addresses, rng);
    let mut call = Call { participant, behavior, errs, due: Vec::new(), prompts: 0, is_answered: false };
    if call.participant.send("call.incoming", data).await {
        call.talk().await;
    }
    call.participant.end().await;
}

/// One in ten is a regular customer.
fn caller(rng: &mut Rng) -> String {
    if rng.percent(10) { "+15550100".to_owned() } else { format!("+1555{:04}", rng.between(100, 10_000)) }
}

fn behavior(rng: &mut Rng) -> CallerBehavior {
    match rng.between(0, 100) {
        0..50 => CallerBehavior::Patient,
        50..80 => CallerBehavior::Eager,
        80..85 => CallerBehavior::Silent,
        _ => CallerBehavior::Gone { prompt: rng.between(1, 4) as u32 },
    }
}

impl Call<'_> {
    /// Plays the call until one side hangs up.
    async fn talk(&mut self) {
        loop {
            let first = (0..self.due.len()).min_by_key(|at| self.due[*at].0);
            let patience = if self.is_answered { PATIENCE } else { RINGING };
            let due = first.map_or_else(|| Instant::now() + patience, |at| self.due[at].0);
            let goes_on = match (self.participant.next(due).await, first) {
                (Input::Command(command), _) => self.hear(command).await,
                (Input::Due, Some(first)) => {
                    let (_, action) = self.due.swap_remove(first);
                    self.act(action).await
                }
                (Input::Due, None) | (Input::Stop, _) => self.act(PendingAction::HangUp).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// False when the call is over.
    async fn hear(&mut self, command: Command) -> bool {
        self.is_answered = true;
        match command.kind.as_str() {
            "call.hangup" => {
                self.participant.step("goodbye");
                self.participant.send("call.hangup", json!({ "reason": "normal" })).await;
                return false;
            }
            "call.talk" | "call.play" => return self.prompt(&command).await,
            "call.answer" => {}
            "call.recording_start" => self.record(),
            "call.recording_stop" => {
                let kept = json!({ "duration_ms": 4_200, "location": "file:///recordings/simulated.wav" });
                self.later(100, 300, PendingAction::Answer(command.id, kept));
            }
            "message.send" => self.participant.step(format!("{} (SMS)", command.action_id())),
            _ => self.later(100, 300, PendingAction::Answer(command.id, json!({}))),
        }
        true
    }

    /// A new prompt replaces the one that plays.
    async fn prompt(&mut self, command: &Command) -> bool {
        self.participant.step(command.action_id());
        self.prompts += 1;
        let replaced = self.due.iter().position(|(_, action)| matches!(action, PendingAction::Spoken(_)));
        if let Some(at) = replaced
            && let (_, PendingAction::Spoken(id)) = self.due.swap_remove(at)
            && !self.answer(&id, json!({ "interrupted": true })).await
        {
            return false;
        }
        let length = self.length(command);
        let spoken = Instant::now() + length;
        self.due.push((spoken, PendingAction::Spoken(command.id.clone())));
        if let CallerBehavior::Gone { prompt } = self.behavior
            && prompt == self.prompts
        {
            let share = self.participant.rng.between(20, 95) as f64 / 100.0;
            self.due.push((Instant::now() + length.mul_f64(share), PendingAction::HangUp));
            return true;
        }
        let offered = speech_parse::digits(command.text("text"));
        let ends_with_digit = command.text("digits_handle") == "next";
        if (!offered.is_empty() || ends_with_digit) && self.behavior != CallerBehavior::Silent {
            let digit = self.choice(&offered);
            let early = self.behavior == CallerBehavior::Eager && ends_with_digit;
            let at = if early {
                Instant::now() + length.mul_f64(self.participant.rng.between(25, 90) as f64 / 100.0)
            } else {
                spoken + self.participant.pause(400, 1_800)
            };
            self.due.push((at, PendingAction::Press(digit)));
        }
        true
    }

    fn choice(&mut self, offered: &[char]) -> char {
        let digits = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
        if std::mem::take(&mut self.errs) {
            let wrong: Vec<char> = digits.into_iter().filter(|digit| !offered.contains(digit)).collect();
            return self.participant.rng.pick(&wrong).copied().unwrap_or('0');
        }
        let rng = &mut self.participant.rng;
        rng.pick(offered).or(digits.first()).copied().unwrap_or('1')
    }

    fn length(&mut self, command: &Command) -> Duration {
        let letters = command.text("text").chars().count() as u64;
        let ms = if letters > 0 {
            letters * speech::LETTER_MS
        } else {
            self.participant.rng.between(2_000, 6_000)
        };
        self.participant.pause(ms, ms + 1)
    }

    /// Speaks, and ends the recording with a key or by hanging up.
    fn record(&mut self) {
        self.participant.step("spoke");
        self.due.retain(|(_, action)| !matches!(action, PendingAction::Press(_)));
        let action =
            if self.participant.rng.percent(60) { PendingAction::Press('#') } else { PendingAction::HangUp };
        self.later(3_000, 9_000, action);
    }

    fn later(&mut self, low: u64, high: u64, action: PendingAction) {
        let at = Instant::now() + self.participant.pause(low, high);
        self.due.push((at, action));
    }

    /// Performs an action that is due; false when the call is over.
    async fn act(&mut self, action: PendingAction) -> bool {
        match action {
            PendingAction::Spoken(id) => self.answer(&id, json!({ "played": true })).await,
            PendingAction::Answer(id, result) => self.answer(&id, result).await,
            PendingAction::Press(digit) => {
                self.participant.step(format!("pressed {digit}"));
                self.participant.send("call.digits", json!({ "digits": digit.to_string() })).await
            }
            PendingAction::HangUp => {
                self.participant.step("hung up");
                self.participant.send("call.hangup", json!({ "reason": "normal" })).await;
                false
            }
        }
    }

    async fn answer(&mut self, command_id: &str, result: Value) -> bool {
        self.participant
            .send("command.completed", json!({ "command_id": command_id, "result": result }))
            .await
    }
}
