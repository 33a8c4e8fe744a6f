//! One call: the caller's intentions and the script that plays them against the commands that come.
//!
//! ```text
//! call.incoming ─► commands … ─► (digits, answers of media commands, each when due) ─► call.hangup
//! ```
//! Events of one call go out one after another, each after the confirm of the last, so their order is the source's.

use super::event::Outgoing;
use super::gateway::{Command, Gateway};
use super::link::Link;
use crate::rng::Rng;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Moment at which the caller presses the digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitTiming {
    /// Before anything is said.
    AtOnce,
    /// While the menu plays.
    BargeIn,
    /// After the menu has been played.
    Afterwards,
}

/// Behavior of one caller. The action ids are those of the called flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub subject: String,
    pub from: String,
    pub to: String,
    /// Pressed when the command of action `menu` comes; `None` hangs up there instead.
    pub digit: Option<char>,
    pub timing: DigitTiming,
    /// The action whose media command the gateway answers with `command.failed`.
    pub fails_at: Option<String>,
    /// Minimum and maximum duration of thinking and of media, in milliseconds.
    pub pace: (u64, u64),
}

/// Connections of a call script. `published` is called with every confirmed event.
pub struct Line<'a> {
    pub source: &'a str,
    pub link: &'a Link,
    pub gateway: &'a Gateway,
    pub published: &'a (dyn Fn(&Outgoing) + Send + Sync),
}

/// A later action of the caller or the gateway.
enum PendingAction {
    Answer(Command),
    Fail(Command),
    Press(char),
    HangUp,
}

struct Script<'a> {
    caller: &'a Caller,
    line: &'a Line<'a>,
    rng: Rng,
    due: Vec<(Instant, PendingAction)>,
    events: u32,
    /// Start of the current wait for the engine.
    silent_since: Instant,
    longest_silence: Duration,
}

/// Result of a call.
pub struct Played {
    /// The ids of the commands that came, in order.
    pub commands: Vec<String>,
    /// Longest wait for the engine, including the timers of the flow.
    pub longest_silence: Duration,
}

/// Plays the whole call; returns after its `call.hangup` is confirmed.
pub async fn place_call(caller: &Caller, line: &Line<'_>, rng: Rng) -> Played {
    let mut mailbox = line.gateway.mailbox(&caller.subject);
    let (silent_since, longest_silence) = (Instant::now(), Duration::ZERO);
    let mut script = Script { caller, line, rng, due: Vec::new(), events: 0, silent_since, longest_silence };
    let data = json!({ "from": caller.from, "to": caller.to, "direction": "incoming" });
    script.publish("call.incoming", data).await;
    if let (DigitTiming::AtOnce, Some(digit)) = (caller.timing, caller.digit) {
        script.publish("call.digits", json!({ "digits": digit.to_string() })).await;
    }
    let mut commands = Vec::new();
    loop {
        let next = script.due.iter().map(|(at, _)| *at).min();
        let over = tokio::select! {
            Some(command) = mailbox.recv() => {
                commands.push(command.id.clone());
                script.hear(command).await
            }
            () = until(next) => script.act().await,
        };
        if over {
            line.gateway.forget(&caller.subject);
            return Played { commands, longest_silence: script.longest_silence };
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Script<'_> {
    /// True when the call is over.
    async fn hear(&mut self, command: Command) -> bool {
        if self.due.is_empty() {
            self.longest_silence = self.longest_silence.max(self.silent_since.elapsed());
        }
        self.silent_since = Instant::now();
        match command.kind.as_str() {
            "call.hangup" => {
                self.publish("call.hangup", json!({ "reason": "normal" })).await;
                return true;
            }
            "call.talk" | "call.play" => self.play(command),
            _ => {}
        }
        false
    }

    fn play(&mut self, command: Command) {
        let played = self.later();
        if command.action_id == "menu" {
            match (self.caller.digit, self.caller.timing) {
                (None, _) => {
                    let tired = played + self.pause();
                    self.due.push((tired, PendingAction::HangUp));
                }
                (Some(_), DigitTiming::AtOnce) => {}
                (Some(digit), DigitTiming::BargeIn) => {
                    let early = played - (played - Instant::now()) / 2;
                    self.due.push((early, PendingAction::Press(digit)));
                }
                (Some(digit), DigitTiming::Afterwards) => {
                    let thought = played + self.pause();
                    self.due.push((thought, PendingAction::Press(digit)));
                }
            }
        }
        let fails = self.caller.fails_at.as_ref() == Some(&command.action_id);
        self.due.push((
            played,
            if fails { PendingAction::Fail(command) } else { PendingAction::Answer(command) },
        ));
    }

    /// Performs the next action that is due; true when the call is over.
    async fn act(&mut self) -> bool {
        let Some(first) = (0..self.due.len()).min_by_key(|i| self.due[*i].0) else { return false };
        match self.due.remove(first).1 {
            PendingAction::Answer(command) => {
                let data = json!({ "command_id": command.id, "result": { "played": true } });
                self.publish("command.completed", data).await;
            }
            PendingAction::Fail(command) => {
                let error = json!({ "code": "media_unavailable", "message": "the voice server is away" });
                self.publish("command.failed", json!({ "command_id": command.id, "error": error })).await;
            }
            PendingAction::Press(digit) => {
                self.publish("call.digits", json!({ "digits": digit.to_string() })).await;
            }
            PendingAction::HangUp => {
                self.publish("call.hangup", json!({ "reason": "normal" })).await;
                return true;
            }
        }
        false
    }

    async fn publish(&mut self, kind: &str, data: Value) {
        self.events += 1;
        let id = format!("{}-{}", self.caller.subject, self.events);
        let event = Outgoing::event(self.line.source, &id, kind, &self.caller.subject, data);
        self.line.link.publish(event.clone()).await;
        self.silent_since = Instant::now();
        (self.line.published)(&event);
    }

    fn later(&mut self) -> Instant {
        Instant::now() + self.pause()
    }

    fn pause(&mut self) -> Duration {
        self.rng.millis(self.caller.pace.0, self.caller.pace.1)
    }
}
