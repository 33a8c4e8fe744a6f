//! One call: the caller's intentions and the script that plays them against the commands that come.
//!
//! ```text
//! call.incoming ─► commands … ─► (digits, answers of media commands, each when due) ─► call.hangup
//! ```
//! Events of one call go out one after another, each after the confirm of the last, so their order is the source's.

use super::dice::Dice;
use super::event::Outgoing;
use super::gateway::{Command, Gateway};
use super::link::Link;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// When the caller presses the digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything is said.
    AtOnce,
    /// While the menu plays.
    BargeIn,
    /// After the menu has been played.
    Afterwards,
}

/// What one caller does. The action ids are those of the flow that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub subject: String,
    pub from: String,
    pub to: String,
    /// Pressed when the command of action `menu` comes; `None` hangs up there instead.
    pub digit: Option<char>,
    pub moment: Moment,
    /// The action whose media command the gateway answers with `command.failed`.
    pub fails_at: Option<String>,
    /// How long callers think and media plays: from, to, in milliseconds.
    pub pace: (u64, u64),
}

/// What a script needs of the carrier. `published` hears of every confirmed event (the one who makes duplicates).
pub struct Line<'a> {
    pub source: &'a str,
    pub link: &'a Link,
    pub gateway: &'a Gateway,
    pub published: &'a (dyn Fn(&Outgoing) + Send + Sync),
}

/// Something that the caller or the gateway does later.
enum Deed {
    Answer(Command),
    Fail(Command),
    Press(char),
    HangUp,
}

struct Script<'a> {
    caller: &'a Caller,
    line: &'a Line<'a>,
    dice: Dice,
    due: Vec<(Instant, Deed)>,
    events: u32,
    /// Since when nobody but the engine is to move.
    silent_since: Instant,
    longest_silence: Duration,
}

/// How a call went.
pub struct Played {
    /// The ids of the commands that came, in order.
    pub commands: Vec<String>,
    /// The longest time for which the engine said nothing although only it could move on; its timers are part of it.
    pub longest_silence: Duration,
}

/// Plays the whole call; returns after its `call.hangup` is confirmed.
pub async fn ring(caller: &Caller, line: &Line<'_>, dice: Dice) -> Played {
    let mut mailbox = line.gateway.mailbox(&caller.subject);
    let (silent_since, longest_silence) = (Instant::now(), Duration::ZERO);
    let mut script = Script { caller, line, dice, due: Vec::new(), events: 0, silent_since, longest_silence };
    let data = json!({ "from": caller.from, "to": caller.to, "direction": "incoming" });
    script.publish("call.incoming", data).await;
    if let (Moment::AtOnce, Some(digit)) = (caller.moment, caller.digit) {
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
            match (self.caller.digit, self.caller.moment) {
                (None, _) => {
                    let tired = played + self.pause();
                    self.due.push((tired, Deed::HangUp));
                }
                (Some(_), Moment::AtOnce) => {}
                (Some(digit), Moment::BargeIn) => {
                    let early = played - (played - Instant::now()) / 2;
                    self.due.push((early, Deed::Press(digit)));
                }
                (Some(digit), Moment::Afterwards) => {
                    let thought = played + self.pause();
                    self.due.push((thought, Deed::Press(digit)));
                }
            }
        }
        let fails = self.caller.fails_at.as_ref() == Some(&command.action_id);
        self.due.push((played, if fails { Deed::Fail(command) } else { Deed::Answer(command) }));
    }

    /// Does what is due; true when the call is over.
    async fn act(&mut self) -> bool {
        let Some(first) = (0..self.due.len()).min_by_key(|i| self.due[*i].0) else { return false };
        match self.due.remove(first).1 {
            Deed::Answer(command) => {
                let data = json!({ "command_id": command.id, "result": { "played": true } });
                self.publish("command.completed", data).await;
            }
            Deed::Fail(command) => {
                let error = json!({ "code": "media_unavailable", "message": "the voice server is away" });
                self.publish("command.failed", json!({ "command_id": command.id, "error": error })).await;
            }
            Deed::Press(digit) => {
                self.publish("call.digits", json!({ "digits": digit.to_string() })).await;
            }
            Deed::HangUp => {
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
        self.dice.millis(self.caller.pace.0, self.caller.pace.1)
    }
}
