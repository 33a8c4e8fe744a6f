//! A call: somebody rings an address, hears what is said, presses digits, leaves a message, hangs up; the gateway answers
//! every prompt when it has been spoken.
//!
//! ```text
//! call.incoming ─► commands … ─► (digits, answers of prompts, each when due) ─► call.hangup
//! ```

use super::{Dice, Line, Next, Party, Target, Who, ears};
use crate::simulate::wire::Command;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How long a letter takes when it is spoken.
const LETTER_MS: u64 = 65;
/// A caller whom nobody answers hangs up.
const RINGING: Duration = Duration::from_secs(15);
/// So does one who hears nothing for so long. Flows wait for digits for seconds, and that is not sped up.
const PATIENCE: Duration = Duration::from_secs(40);

/// What kind of a caller it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temper {
    /// Listens to the end, then presses.
    Patient,
    /// Presses while the prompt plays.
    Eager,
    /// Never presses anything.
    Silent,
    /// Hangs up in the middle of this prompt.
    Gone { prompt: u32 },
}

/// Something that the caller or the gateway does later.
#[derive(Debug)]
enum Deed {
    /// The prompt with this command id has been spoken.
    Spoken(String),
    Answer(String, Value),
    Press(char),
    HangUp,
}

struct Call<'a> {
    party: Party<'a>,
    temper: Temper,
    /// Presses something that was not offered, once.
    errs: bool,
    due: Vec<(Instant, Deed)>,
    prompts: u32,
    /// Something was heard.
    is_answered: bool,
}

pub async fn play(line: &Line, target: &Target, number: u64, to: String, mut dice: Dice) {
    let from = caller(&mut dice);
    let temper = temper(&mut dice);
    let errs = dice.percent(8);
    let who = Who { subject: format!("call-{}-{number}", line.run), from, to };
    let data = json!({ "from": who.from, "to": who.to, "direction": "incoming" });
    let party = Party::begin(line, target, number, who, dice);
    let mut call = Call { party, temper, errs, due: Vec::new(), prompts: 0, is_answered: false };
    if call.party.send("call.incoming", data).await {
        call.talk().await;
    }
    call.party.end().await;
}

/// One in ten is a regular customer.
fn caller(dice: &mut Dice) -> String {
    if dice.percent(10) { "+15550100".to_owned() } else { format!("+1555{:04}", dice.between(100, 10_000)) }
}

fn temper(dice: &mut Dice) -> Temper {
    match dice.between(0, 100) {
        0..50 => Temper::Patient,
        50..80 => Temper::Eager,
        80..85 => Temper::Silent,
        _ => Temper::Gone { prompt: dice.between(1, 4) as u32 },
    }
}

impl Call<'_> {
    /// Until somebody hangs up.
    async fn talk(&mut self) {
        loop {
            let first = (0..self.due.len()).min_by_key(|at| self.due[*at].0);
            let patience = if self.is_answered { PATIENCE } else { RINGING };
            let due = first.map_or_else(|| Instant::now() + patience, |at| self.due[at].0);
            let goes_on = match (self.party.next(due).await, first) {
                (Next::Command(command), _) => self.hear(command).await,
                (Next::Due, Some(first)) => {
                    let (_, deed) = self.due.swap_remove(first);
                    self.act(deed).await
                }
                (Next::Due, None) | (Next::Stop, _) => self.act(Deed::HangUp).await,
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
                self.party.step("goodbye");
                self.party.send("call.hangup", json!({ "reason": "normal" })).await;
                return false;
            }
            "call.talk" | "call.play" => return self.prompt(&command).await,
            "call.answer" => {}
            "call.recording_start" => self.record(),
            "call.recording_stop" => {
                let kept = json!({ "duration_ms": 4_200, "location": "file:///recordings/simulated.wav" });
                self.later(100, 300, Deed::Answer(command.id, kept));
            }
            "message.send" => self.party.step(format!("{} (SMS)", command.action_id())),
            _ => self.later(100, 300, Deed::Answer(command.id, json!({}))),
        }
        true
    }

    /// A new prompt replaces the one that plays.
    async fn prompt(&mut self, command: &Command) -> bool {
        self.party.step(command.action_id());
        self.prompts += 1;
        let replaced = self.due.iter().position(|(_, deed)| matches!(deed, Deed::Spoken(_)));
        if let Some(at) = replaced
            && let (_, Deed::Spoken(id)) = self.due.swap_remove(at)
            && !self.answer(&id, json!({ "interrupted": true })).await
        {
            return false;
        }
        let length = self.length(command);
        let spoken = Instant::now() + length;
        self.due.push((spoken, Deed::Spoken(command.id.clone())));
        if let Temper::Gone { prompt } = self.temper
            && prompt == self.prompts
        {
            let share = self.party.dice.between(20, 95) as f64 / 100.0;
            self.due.push((Instant::now() + length.mul_f64(share), Deed::HangUp));
            return true;
        }
        let offered = ears::digits(command.text("text"));
        let ends_with_digit = command.text("digits_handle") == "next";
        if (!offered.is_empty() || ends_with_digit) && self.temper != Temper::Silent {
            let digit = self.choice(&offered);
            let early = self.temper == Temper::Eager && ends_with_digit;
            let at = if early {
                Instant::now() + length.mul_f64(self.party.dice.between(25, 90) as f64 / 100.0)
            } else {
                spoken + self.party.pause(400, 1_800)
            };
            self.due.push((at, Deed::Press(digit)));
        }
        true
    }

    fn choice(&mut self, offered: &[char]) -> char {
        let digits = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];
        if std::mem::take(&mut self.errs) {
            let wrong: Vec<char> = digits.into_iter().filter(|digit| !offered.contains(digit)).collect();
            return self.party.dice.pick(&wrong).copied().unwrap_or('0');
        }
        let dice = &mut self.party.dice;
        dice.pick(offered).or(digits.first()).copied().unwrap_or('1')
    }

    fn length(&mut self, command: &Command) -> Duration {
        let letters = command.text("text").chars().count() as u64;
        let ms = if letters > 0 { letters * LETTER_MS } else { self.party.dice.between(2_000, 6_000) };
        self.party.pause(ms, ms + 1)
    }

    /// Says something, and ends it with a key or by hanging up.
    fn record(&mut self) {
        self.party.step("spoke");
        self.due.retain(|(_, deed)| !matches!(deed, Deed::Press(_)));
        let deed = if self.party.dice.percent(60) { Deed::Press('#') } else { Deed::HangUp };
        self.later(3_000, 9_000, deed);
    }

    fn later(&mut self, low: u64, high: u64, deed: Deed) {
        let at = Instant::now() + self.party.pause(low, high);
        self.due.push((at, deed));
    }

    /// Does what is due; false when the call is over.
    async fn act(&mut self, deed: Deed) -> bool {
        match deed {
            Deed::Spoken(id) => self.answer(&id, json!({ "played": true })).await,
            Deed::Answer(id, result) => self.answer(&id, result).await,
            Deed::Press(digit) => {
                self.party.step(format!("pressed {digit}"));
                self.party.send("call.digits", json!({ "digits": digit.to_string() })).await
            }
            Deed::HangUp => {
                self.party.step("hung up");
                self.party.send("call.hangup", json!({ "reason": "normal" })).await;
                false
            }
        }
    }

    async fn answer(&mut self, command_id: &str, result: Value) -> bool {
        self.party.send("command.completed", json!({ "command_id": command_id, "result": result })).await
    }
}
