//! Answers commands for calls and conversations that no simulated participant began, as a polite callee who presses nothing:
//! somebody tries a flow by hand beside the demo.

use crate::api::{self, Api};
use crate::link::{Attempt, Link};
use crate::speech;
use crate::wire::{Command, Event};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Begins the names of the command queues of `signalbox simulate`.
pub const QUEUE_PREFIX: &str = "simulate-";
/// Commands that are answered at the same time; further ones are not answered.
const AT_ONCE: usize = 1_000;
/// Remembered ids of commands, to recognise copies.
const REMEMBERED: usize = 10_000;
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// Time in which a gateway carries out what is not spoken.
const SHORT: Duration = Duration::from_millis(200);

pub struct Bystander {
    api: Arc<dyn Api>,
    link: Arc<dyn Link>,
    source: String,
    /// Factor by which prompts are faster.
    speed: f64,
    room: Arc<Semaphore>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

/// The event with which a command is answered, and the time until then.
#[derive(Debug, PartialEq)]
struct Reply {
    after: Duration,
    kind: &'static str,
    data: Value,
}

impl Bystander {
    pub fn new(api: Arc<dyn Api>, link: Arc<dyn Link>, source: String, speed: f64) -> Bystander {
        Bystander {
            api,
            link,
            source,
            speed,
            room: Arc::new(Semaphore::new(AT_ONCE)),
            seen: Mutex::default(),
        }
    }

    /// Answers a command when it has been carried out. A copy is not answered again.
    pub fn take(&self, command: &Command) {
        let Some(Reply { after, kind, data }) = reply(command) else { return };
        if !self.is_new(&command.id) {
            return;
        }
        let Ok(permit) = self.room.clone().try_acquire_owned() else { return };
        let event = Event::new(&self.source, format!("for-{}", command.id), kind, &command.subject, &data);
        let (api, link, after) = (self.api.clone(), self.link.clone(), after.div_f64(self.speed));
        tokio::spawn(async move {
            let _permit = permit;
            tokio::time::sleep(after).await;
            if another_carrier_runs(&*api).await {
                return;
            }
            for _ in 0..ATTEMPTS {
                match link.send(&event).await {
                    Attempt::Again(_) => tokio::time::sleep(PAUSE).await,
                    Attempt::Stored { .. } | Attempt::Refused(_) => return,
                }
            }
        });
    }

    fn is_new(&self, id: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.ids.insert(id.to_owned()) {
            return false;
        }
        seen.order.push_back(id.to_owned());
        if seen.order.len() > REMEMBERED
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.ids.remove(&oldest);
        }
        true
    }
}

#[derive(Deserialize)]
struct Queues {
    result: Vec<Queue>,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    reading: bool,
}

/// Whether a `signalbox simulate` reads commands: it answers those of its own participants.
async fn another_carrier_runs(api: &dyn Api) -> bool {
    let listed: Result<Queues, _> = api::get(api, "/v1/commands/queues").await;
    let is_carrier = |queue: &Queue| queue.reading && queue.name.starts_with(QUEUE_PREFIX);
    listed.is_ok_and(|queues| queues.result.iter().any(is_carrier))
}

/// `None` for commands that need no answer.
fn reply(command: &Command) -> Option<Reply> {
    let completed = |after, result: Value| {
        let data = json!({ "command_id": command.id, "result": result });
        Some(Reply { after, kind: "command.completed", data })
    };
    match command.kind.as_str() {
        "call.talk" | "call.play" => completed(speech::length(command), json!({ "played": true })),
        "call.recording_stop" => {
            completed(SHORT, json!({ "duration_ms": 4_200, "location": "file:///recordings/simulated.wav" }))
        }
        "message.send" => completed(SHORT, json!({ "delivered": true })),
        "call.hangup" => {
            Some(Reply { after: SHORT, kind: "call.hangup", data: json!({ "reason": "normal" }) })
        }
        "call.answer" | "call.recording_start" => None,
        _ => completed(SHORT, json!({})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ApiError, CommandStream, EventAnswer};
    use async_trait::async_trait;
    use tokio::sync::mpsc;

    /// A Signalbox with one command queue that is read.
    struct OneQueue(&'static str);

    #[async_trait]
    impl Api for OneQueue {
        async fn get(&self, _: &str) -> Result<Value, ApiError> {
            Ok(json!({ "result": [{ "name": self.0, "reading": true }] }))
        }

        async fn post(&self, _: &str, _: &Value) -> Result<Value, ApiError> {
            Ok(Value::Null)
        }

        async fn delete(&self, _: &str) -> Result<Value, ApiError> {
            Ok(Value::Null)
        }

        async fn post_event(&self, _: &str) -> EventAnswer {
            EventAnswer::Stored { activeflow: None }
        }

        async fn commands(&self, _: &str) -> Result<Box<dyn CommandStream>, ApiError> {
            Err(ApiError("not part of this test".into()))
        }
    }

    struct Sent(mpsc::UnboundedSender<(String, &'static str, String)>);

    #[async_trait]
    impl Link for Sent {
        async fn send(&self, event: &Event) -> Attempt {
            self.0.send((event.id.clone(), event.kind, event.subject.clone())).unwrap();
            Attempt::Stored { activeflow: None }
        }

        async fn close(&self) {}
    }

    type Events = mpsc::UnboundedReceiver<(String, &'static str, String)>;

    /// A bystander for whom everything is spoken at once, beside one command queue that is read.
    fn beside(queue: &'static str) -> (Bystander, Events) {
        let (sender, sent) = mpsc::unbounded_channel();
        (Bystander::new(Arc::new(OneQueue(queue)), Arc::new(Sent(sender)), "demo".into(), 1e9), sent)
    }

    fn command(id: &str, kind: &str, text: &str) -> Command {
        let body = json!({
            "id": id, "type": kind, "subject": "call-1", "time": "2026-11-27T12:00:00Z", "data": { "text": text },
        });
        Command::read(body.to_string().as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_command_is_answered_once() {
        let (bystander, mut sent) = beside("demo");
        let talk = command("a:2", "call.talk", "Welcome.");
        bystander.take(&command("a:1", "call.answer", ""));
        bystander.take(&talk);
        let answer = ("for-a:2".to_owned(), "command.completed", "call-1".to_owned());
        assert_eq!(sent.recv().await, Some(answer));
        bystander.take(&talk);
        bystander.take(&command("a:3", "call.hangup", ""));
        assert_eq!(
            sent.recv().await.map(|(id, kind, _)| (id, kind)),
            Some(("for-a:3".to_owned(), "call.hangup"))
        );
        assert!(!bystander.is_new("a:2"), "a copy");
    }

    /// That one answers the commands of its own participants.
    #[tokio::test]
    async fn nothing_is_answered_beside_another_carrier() {
        let (bystander, mut sent) = beside("simulate-k3f9a");
        bystander.take(&command("a:1", "message.send", "hi"));
        // Its task holds the only other sender.
        drop(bystander);
        assert_eq!(sent.recv().await, None);
    }

    #[test]
    fn a_prompt_is_answered_when_it_has_been_spoken() {
        let talk = command("a:2", "call.talk", "Welcome to Example Telecom.");
        let after = reply(&talk).map(|reply| reply.after);
        assert_eq!(after, Some(speech::length(&talk)));
        assert!(after > Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_hang_up_is_reported_and_a_message_delivered() {
        let kind = |command: Command| reply(&command).map(|reply| reply.kind);
        assert_eq!(kind(command("a:1", "call.hangup", "")), Some("call.hangup"));
        assert_eq!(kind(command("a:1", "message.send", "hi")), Some("command.completed"));
        assert_eq!(kind(command("a:1", "call.answer", "")), None);
    }
}
