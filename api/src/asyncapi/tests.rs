//! The committed document is current, and its examples are what is really read and really made.

use super::{commands, document, events, notices};
use common::command::Message;
use common::identity::hex;
use common::{ActiveflowId, EventKey};
use flow::cursor::{CursorState, Identity, Input};
use flow::route::{Addressee, Reference};
use flow::step::Effect;
use flow::{Bundle, Cursor, Event, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/asyncapi.json");

/// `UPDATE_DOCUMENTS=1 cargo test -p api asyncapi` writes it.
#[test]
fn the_committed_document_is_current() {
    let current = super::text();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(PATH, current).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == current,
        "api/asyncapi.json is not what the types say; write it: UPDATE_DOCUMENTS=1 cargo test -p api asyncapi"
    );
}

#[test]
fn every_event_of_the_document_is_taken_and_addresses_somebody() {
    for kind in events::ALL {
        let example = (kind.example)();
        let event = Event::parse(example.to_string().as_bytes()).unwrap();
        assert_eq!(event.subject.as_deref(), example["subject"].as_str(), "{}", kind.kind);
        match flow::route::addressee(&event, "default").unwrap() {
            Addressee::Command { .. } => assert!(events::ANSWERS.contains(&kind.kind), "{}", kind.kind),
            Addressee::Reference { reference, .. } => {
                assert_eq!(Some(reference.subject), event.subject, "{}", kind.kind);
            }
        }
    }
}

/// The document lists every trigger.
#[test]
fn every_trigger_is_an_event_of_the_document() {
    let kinds: BTreeSet<&str> = events::ALL.iter().map(|kind| kind.kind).collect();
    for trigger in flow::TRIGGERS {
        let family = trigger.trim_end_matches('*');
        assert!(kinds.iter().any(|kind| kind == trigger || kind.starts_with(family)), "{trigger}");
    }
}

/// Every action that makes commands, so that all of them are made.
fn flow_of_every_command() -> Value {
    json!({
        "schema": "signalbox.flow/v1", "name": "Support line", "type": "voice", "trigger": { "event": "call.incoming" },
        "actions": [
            { "id": "pick-up", "type": "answer" },
            { "id": "welcome", "type": "talk",
              "option": { "text": "Hello ${call.from}.", "language": "en-US", "digits_handle": "next" } },
            { "id": "hours", "type": "play", "option": { "stream_urls": ["https://media.example/hours.wav"] } },
            { "id": "text-hours", "type": "message_send", "option": { "text": "We are open from 9 to 5." } },
            { "id": "record", "type": "recording_start", "option": {
                "name": "${activeflow.reference_id}", "duration": 120, "end_of_silence": 5, "end_of_key": "#",
                "beep_start": true } },
            { "id": "end-record", "type": "recording_stop",
              "option": { "name": "${actions.record.name}", "wait": true } },
            { "id": "bye", "type": "hangup" },
            { "id": "all-options", "type": "talk", "option": {
                "text": "x", "language": "en-US", "gender": "female", "voice": "anna", "async": true } },
            { "id": "other-call", "type": "hangup", "option": { "reason": "busy", "reference_id": "call-9" } },
        ],
    })
}

/// Actions that never ask a gateway for anything.
const QUIET: &[&str] = &[
    "branch",
    "condition",
    "digits_receive",
    "fetch_flow",
    "goto",
    "message_receive",
    "sleep",
    "stop",
    "subroutine",
    "variable_set",
];

/// The commands that the executor publishes while the flow runs; every command gets a reply.
fn published() -> Vec<Message> {
    let text = flow_of_every_command().to_string();
    let bundle = Bundle::compile(("flow-1", &text), &BTreeMap::new()).unwrap();
    let call = Event::parse((events::ALL[0].example)().to_string().as_bytes()).unwrap();
    let reference =
        Reference { realm: "default".into(), kind: "call".into(), subject: call.subject.clone().unwrap() };
    let id = ActiveflowId::derive(&reference, &call.source, &call.id, &call.kind, "flow-1");
    let identity = Identity {
        activeflow_id: id.to_string(),
        customer_id: "acme".into(),
        reference_type: "call".into(),
        reference_id: reference.subject.clone(),
    };
    let now: Timestamp = "2026-11-22T05:00:00.012345Z".parse().unwrap();
    let mut cursor = Cursor::new(&bundle, identity);
    let mut inputs = VecDeque::from([Input::Started(call.clone())]);
    let mut messages = Vec::new();
    while let Some(input) = inputs.pop_front() {
        let step = flow::step(&bundle, cursor, input, now);
        cursor = step.cursor;
        for Effect::Command(command) in &step.effects {
            let message = Message::command(id, &reference, command, now);
            let mut event = Event { kind: "command.completed".into(), ..call.clone() };
            event.data = json!({ "command_id": message.id }).as_object().unwrap().clone();
            inputs.push_back(Input::Event { event, start: None });
            messages.push(message);
        }
    }
    assert!(matches!(cursor.state(), CursorState::Ended(_)), "{:?}", cursor.state());
    messages
}

#[test]
fn every_command_of_the_document_is_what_is_published() {
    let published = published();
    for kind in commands::ALL {
        let message = published.iter().find(|message| message.routing_key == kind.kind);
        let message = message.unwrap_or_else(|| panic!("nothing makes a {}", kind.kind));
        assert_eq!(serde_json::from_str::<Value>(&message.body).unwrap(), (kind.example)());
    }
}

#[test]
fn every_command_is_one_line_and_has_only_fields_of_the_document() {
    let document = document();
    for message in published() {
        assert!(!message.body.contains(['\n', '\r']), "{}", message.body);
        let pointer = format!("/components/messages/command.{}/payload", message.routing_key);
        let schema = document.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is not in the document"));
        let body: Value = serde_json::from_str(&message.body).unwrap();
        assert_fields(schema, &body, &message.routing_key);
    }
}

/// Every field is described, and every one that is required is there.
fn assert_fields(schema: &Value, object: &Value, place: &str) {
    let fields = object.as_object().unwrap();
    for (name, value) in fields {
        let described = schema.pointer(&format!("/properties/{name}"));
        let described = described.unwrap_or_else(|| panic!("{place}.{name} is not described"));
        if value.is_object() {
            assert_fields(described, value, &format!("{place}.{name}"));
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(name.as_str().unwrap()), "{place} has no {name}");
    }
}

/// A new action is either in the flow above or makes no command.
#[test]
fn no_action_is_forgotten() {
    let schema = flow::schema();
    let types = schema.pointer("/$defs/Action/properties/type/enum").unwrap().as_array().unwrap();
    let flow = flow_of_every_command();
    let used: BTreeSet<&str> =
        flow["actions"].as_array().unwrap().iter().filter_map(|action| action["type"].as_str()).collect();
    for kind in types.iter().filter_map(Value::as_str) {
        assert!(
            used.contains(kind) || QUIET.contains(&kind),
            "`{kind}` is new: put it into the flow, or say that it is quiet"
        );
    }
}

#[test]
fn every_notice_of_the_document_is_derived_as_the_scheduler_does_it() {
    for kind in notices::ALL {
        let example = (kind.example)();
        assert_eq!(example["type"], kind.kind);
        let text = |pointer: &str| example.pointer(pointer).and_then(Value::as_str).unwrap();
        assert_eq!(text("/subject"), text("/data/route_id"));
        let transition = format!("{}@{}", kind.kind.trim_start_matches("route."), text("/data/at"));
        let identity = EventKey::of(&["signalbox", text("/subject"), &transition]);
        assert_eq!(text("/id"), hex(&identity.0[..16]), "as the scheduler derives it");
        assert_fields(
            &document()["components"]["messages"][kind.component(super::Table::Notice)]["payload"],
            &example,
            kind.kind,
        );
    }
}
