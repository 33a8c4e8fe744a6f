//! Test support: drives one activeflow with a clock that the test moves, and collects its commands.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::allow_attributes,
    reason = "a test fails loudly, and every test executable uses another part of this"
)]

use flow::cursor::{Cursor, CursorState, Early, Identity, Input};
use flow::step::{Command, Effect, MessageQuota, Note, Step, limits};
use flow::{Bundle, Event, Timestamp, step_limited};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct Drive {
    pub bundle: Bundle,
    pub cursor: Cursor,
    pub now: Timestamp,
    pub commands: Vec<Command>,
    pub notes: Vec<Note>,
    /// Messages that each step may send.
    pub quota: MessageQuota,
    events: u32,
}

pub const ID: &str = "8a4f";

pub fn bundle_of(document: &Value, subroutines: &[(&str, &Value)]) -> Bundle {
    let texts: BTreeMap<String, String> =
        subroutines.iter().map(|(key, text)| ((*key).to_owned(), text.to_string())).collect();
    Bundle::compile(("main", &document.to_string()), &texts)
        .unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// A voice flow with these actions. It leaves the call alone at its end.
pub fn voice(actions: Value) -> Bundle {
    bundle_of(
        &json!({ "schema": "signalbox.flow/v1", "name": "test", "type": "voice", "on_end": "leave", "trigger": { "event": "call.incoming" }, "actions": actions }),
        &[],
    )
}

pub fn event(kind: &str, data: Value) -> Event {
    let Value::Object(data) = data else { panic!("data is an object") };
    Event {
        id: "1".into(),
        source: "carrier".into(),
        kind: kind.into(),
        subject: Some("call-1".into()),
        time: None,
        data,
        traceparent: None,
    }
}

/// A cursor after it was stored and read.
pub fn stored(cursor: &Cursor) -> Result<Cursor, flow::FormatError> {
    Cursor::from_json(&cursor.to_json(), cursor.identity().clone(), cursor.trigger().cloned())
}

impl Drive {
    pub fn new(bundle: Bundle) -> Drive {
        let kind = match bundle.trigger() {
            Some(trigger) if trigger.starts_with("message") => "sms",
            Some(trigger) if trigger.starts_with("sim") => "sim",
            _ => "call",
        };
        let identity = Identity {
            activeflow_id: ID.into(),
            customer_id: "acme".into(),
            reference_type: kind.into(),
            reference_id: "call-1".into(),
        };
        let cursor = Cursor::new(&bundle, identity);
        Drive {
            bundle,
            cursor,
            now: Timestamp::from_micros(1_000_000),
            commands: vec![],
            notes: vec![],
            quota: MessageQuota::default(),
            events: 0,
        }
    }

    /// A started call from +15550100 to +15550111.
    pub fn call(bundle: Bundle) -> Drive {
        let mut drive = Drive::new(bundle);
        drive
            .input(Input::Started(event("call.incoming", json!({ "from": "+15550100", "to": "+15550111" }))));
        drive
    }

    pub fn input(&mut self, input: Input) -> Vec<Command> {
        let (cursor, actions) = (self.cursor.clone(), limits::ACTIONS_PER_STEP);
        let Step { cursor, effects, notes } =
            step_limited(&self.bundle, cursor, input, self.now, actions, &self.quota);
        self.cursor = stored(&cursor).unwrap();
        assert_eq!(self.cursor, cursor, "a cursor survives its bytes");
        self.notes.extend(notes);
        let commands: Vec<Command> = effects.into_iter().map(|Effect::Command(command)| command).collect();
        self.commands.extend(commands.clone());
        commands
    }

    /// An event; returns the texts or kinds of the commands that it led to.
    pub fn hear(&mut self, kind: &str, data: Value) -> Vec<String> {
        self.events += 1;
        let event = Event { id: format!("e{}", self.events), ..event(kind, data) };
        self.input(Input::Event { event, start: None }).iter().map(spoken).collect()
    }

    pub fn digits(&mut self, digits: &str) -> Vec<String> {
        self.hear("call.digits", json!({ "digits": digits }))
    }

    /// The gateway answers the latest command.
    pub fn completed(&mut self) -> Vec<String> {
        let sequence = self.commands.last().expect("a command").sequence;
        self.hear(
            "command.completed",
            json!({ "command_id": format!("{ID}:{sequence}"), "result": { "ok": true } }),
        )
    }

    pub fn failed(&mut self, code: &str) -> Vec<String> {
        let sequence = self.commands.last().expect("a command").sequence;
        self.hear(
            "command.failed",
            json!({ "command_id": format!("{ID}:{sequence}"), "error": { "code": code, "message": "no" } }),
        )
    }

    /// The current wait's deadline passes.
    pub fn timer(&mut self) -> Vec<String> {
        let CursorState::Waiting { wait, until } = self.cursor.state() else {
            panic!("waits for nothing: {:?}", self.cursor.state())
        };
        self.now = until.expect("a deadline");
        self.input(Input::Timer { wait }).iter().map(spoken).collect()
    }

    pub fn wait(&self) -> (u64, Option<Timestamp>) {
        match self.cursor.state() {
            CursorState::Waiting { wait, until } => (wait, until),
            other => panic!("waits for nothing: {other:?}"),
        }
    }

    pub fn at(&self) -> &str {
        self.cursor.current_action().unwrap_or_default()
    }

    pub fn ended(&self) -> Option<String> {
        match self.cursor.state() {
            CursorState::Ended(ending) => Some(ending.reason),
            _ => None,
        }
    }

    pub fn error_code(&self) -> Option<String> {
        match self.cursor.state() {
            CursorState::Ended(ending) => ending.error.map(|error| error.code),
            _ => None,
        }
    }

    pub fn variable(&self, pointer: &str) -> Value {
        self.cursor.variables().pointer(pointer).cloned().unwrap_or_default()
    }

    pub fn noted(&self, what: &str) -> usize {
        self.notes.iter().filter(|note| note.what.as_str() == what).count()
    }

    pub fn early(&self) -> Vec<&Early> {
        self.cursor.early().iter().collect()
    }
}

/// A command as text for a test: its kind, and the text that it speaks or sends.
pub fn spoken(command: &Command) -> String {
    match command.data.get("text").and_then(Value::as_str) {
        Some(text) => format!("{}: {text}", command.kind),
        None => command.kind.clone(),
    }
}
