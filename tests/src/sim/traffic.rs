//! The carriers' side: calls with digits and hang-ups, and text messages, several before an answer.

use super::broker::Event;
use super::simulation::Simulation;
use crate::carrier::Outgoing;
use crate::carrier::gateway::Command;
use crate::ledger::CallScript;
use crate::rng::Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub const NUMBER: &str = "+15550111";
/// A number whose messages are answered only within a window.
pub const SEASONAL: &str = "+15550222";

/// One source's events about one subject, in order.
struct Source<'a> {
    simulation: &'a Arc<Simulation>,
    subject: &'a str,
    rng: Rng,
    events: u32,
}

impl Source<'_> {
    /// Publishes one event, sometimes a second time at once or much later.
    async fn publish(&mut self, kind: &str, data: Value) {
        self.events += 1;
        let id = format!("{}-{}", self.subject, self.events);
        let subject = if kind == "message.received" { "" } else { self.subject };
        let time = self.simulation.carriers_time().to_string();
        let sent = Outgoing::event_at("carrier", &id, kind, subject, &time, data);
        let mut body: Value = serde_json::from_slice(&sent.body).unwrap_or_default();
        if subject.is_empty()
            && let Some(fields) = body.as_object_mut()
        {
            fields.remove("subject");
        }
        let event = Event {
            body: body.to_string().into_bytes(),
            routing_key: kind.into(),
            message_id: id,
            reference: self.subject.into(),
            deliveries: 0,
        };
        self.simulation.log(format!("{} publishes {kind} {}", self.subject, event.message_id));
        self.simulation.broker.offer(event.clone());
        if self.rng.percent(10) {
            self.simulation.broker.offer(event.clone());
        }
        if self.rng.percent(10) {
            let (simulation, later) = (self.simulation.clone(), self.rng.millis(1, 20_000));
            tokio::spawn(async move {
                simulation.time.sleep(later).await;
                simulation.broker.offer(event);
            });
        }
        self.pause(1, 30).await;
    }

    async fn pause(&mut self, low: u64, high: u64) {
        let pause = self.rng.millis(low, high);
        self.simulation.time.sleep(pause).await;
    }

    async fn answer(&mut self, command: &Command, fails: bool) {
        let id = &command.id;
        if fails {
            let error = json!({ "code": "media_unavailable", "message": "the voice server is away" });
            self.publish("command.failed", json!({ "command_id": id, "error": error })).await;
        } else {
            let data = json!({ "command_id": id, "result": { "played": true } });
            self.publish("command.completed", data).await;
        }
    }
}

/// Plays one call to its end. Returns its subject and the script by which the ledger checks the commands.
pub async fn call(simulation: Arc<Simulation>, subject: String, mut rng: Rng) -> (String, CallScript) {
    let from = format!("+1555{:07}", rng.between(0, 10_000_000));
    let digit = *rng.pick(&[Some('1'), Some('2'), Some('3'), Some('9'), None]);
    let at_once = rng.percent(30);
    let barges_in = rng.percent(30);
    let fails_at = rng.percent(30).then(|| "detail".to_owned());
    let script = CallScript {
        from: from.clone(),
        to: NUMBER.into(),
        digits: digit.into_iter().collect(),
        hangs_up_at: digit.is_none().then(|| "pick".into()),
        fails_at: fails_at.clone(),
    };
    let mut mailbox = simulation.broker.mailbox(&subject);
    let mut source = Source { simulation: &simulation, subject: &subject, rng, events: 0 };
    let numbers = json!({ "from": from, "to": NUMBER, "direction": "incoming" });
    source.publish("call.incoming", numbers).await;
    if let (true, Some(digit)) = (at_once, digit) {
        source.publish("call.digits", json!({ "digits": digit.to_string() })).await;
    }
    loop {
        // A caller that hears nothing for so long hangs up.
        let command = tokio::select! {
            biased;
            command = mailbox.recv() => command,
            () = simulation.time.sleep(PATIENCE) => None,
        };
        let Some(command) = command else { break };
        let is_menu = command.action_id == "menu";
        let is_asynchronous = ["greet", "music", "jingle"].contains(&command.action_id.as_str());
        match command.kind.as_str() {
            "call.hangup" => break,
            "call.talk" | "call.play" if is_menu => {
                source.pause(1, 400).await;
                match digit {
                    Some(digit) if barges_in && !at_once => {
                        source.publish("call.digits", json!({ "digits": digit.to_string() })).await;
                        source.answer(&command, false).await;
                    }
                    Some(digit) => {
                        source.answer(&command, false).await;
                        if !at_once {
                            source.pause(1, 400).await;
                            source.publish("call.digits", json!({ "digits": digit.to_string() })).await;
                        }
                    }
                    None => {
                        source.answer(&command, false).await;
                        source.pause(1, 400).await;
                        break;
                    }
                }
            }
            "call.talk" | "call.play" if !is_asynchronous => {
                source.pause(1, 400).await;
                let fails = fails_at.as_ref() == Some(&command.action_id);
                source.answer(&command, fails).await;
            }
            _ => {}
        }
    }
    source.publish("call.hangup", json!({ "reason": "normal" })).await;
    (subject, script)
}

/// Sends `texts` messages to one number, some of them at once. Returns the subject and the number of expected answers.
pub async fn send_messages(
    simulation: Arc<Simulation>,
    to: &str,
    peer: String,
    texts: u32,
    rng: Rng,
) -> (String, u32) {
    let subject = format!("{to},{peer}");
    let mut source = Source { simulation: &simulation, subject: &subject, rng, events: 0 };
    let mut answers = 0;
    for text in 1..=texts {
        let data = json!({ "from": peer, "to": to, "text": text.to_string() });
        answers += u32::from(to != SEASONAL || simulation.season.contains(simulation.carriers_time()));
        source.publish("message.received", data).await;
        if source.rng.percent(50) {
            source.pause(1, 900).await;
        }
        if to == SEASONAL {
            source.pause(1, 20_000).await;
        }
    }
    (subject.clone(), answers)
}

/// Time without a command after which a caller hangs up: longer than all faults together.
const PATIENCE: Duration = Duration::from_secs(300);

/// Virtual time of a history with faults, and the limit for its end without faults.
pub const FAULTY: Duration = Duration::from_secs(120);
pub const HEALING: Duration = Duration::from_secs(400);
