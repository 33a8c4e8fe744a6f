//! Fuzzing of the event reader and of stored records (CONTRIBUTING.md). What once went wrong is kept in `tests/corpus/`, one
//! input a file.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use common::address::{DEFAULT_REALM, address, read};
use common::command::Message;
use common::identity::hex;
use common::ports::intake::Destination;
use common::ports::work::Control;
use common::record::{ActiveflowSpec, BadRecord, Entry, Record, Start};
use flow::definitions::Deployed;
use flow::event::MAX_EVENT_BYTES;
use flow::route::{Route, Window};
use flow::{Class, Definitions, Event, Timestamp};
use fuzz::{Rng, Target, mutate};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SHARDS: u16 = 16;
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
/// Maximum length of a message about an event that is refused: the event may have 64 KiB.
const MOST_MESSAGE: usize = 2_000;

fn target(folder: &str) -> Target {
    Target::new(&format!("{}/tests/corpus/{folder}", env!("CARGO_MANIFEST_DIR")))
}

/// One flow for every event, at every address.
fn definitions() -> Definitions {
    let mut definitions = Definitions { generation: 1, ..Definitions::default() };
    let triggers =
        ["call.incoming", "message.received", "sim.*", "form.requested", "job.due", "conversation.message"];
    for trigger in triggers {
        let flow = Deployed {
            id: trigger.into(),
            name: trigger.into(),
            customer_id: "acme".into(),
            version: 1,
            bundle: hex(&[7; 32]),
            trigger: Some(trigger.into()),
            class: Class::Voice,
            hears: BTreeSet::new(),
            deployed_at: Timestamp::default(),
        };
        definitions.flows.insert(flow.id.clone(), flow);
        for kind in ["call", "sms", "sim", "form", "job", "conversation", "custom"] {
            definitions.routes.push(Route {
                id: format!("{kind}={trigger}"),
                kind: kind.into(),
                pattern: "*".into(),
                flow_id: trigger.into(),
                customer_id: "acme".into(),
                priority: 0,
                window: Window::default(),
                closed_at: None,
            });
        }
    }
    definitions
}

/// Known events of every family.
fn events() -> Vec<Value> {
    let event = |kind: &str, data: Value| {
        json!({
            "specversion": "1.0", "id": "1", "source": "sbc-1", "type": kind, "subject": "call-4711",
            "time": "2026-11-22T05:00:00Z", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "datacontenttype": "application/json", "data": data,
        })
    };
    let command = "fe666626-404e-8cda-8f91-548226f0eb5a:1";
    let mut events = vec![
        event(
            "call.incoming",
            json!({ "from": "+1 (555) 0100", "to": "sip:+15550111@x", "leg": "a", "direction": "in" }),
        ),
        event("call.digits", json!({ "digits": "12#", "leg": 1 })),
        event("call.hangup", json!({ "reason": "normal" })),
        event("message.received", json!({ "from": "+15550100", "to": 15_550_111, "text": "Hi, you" })),
        event("sim.usage", json!({ "period": "2026-11", "total_bytes": 2e9, "delta_bytes": "7" })),
        event("conversation.message", json!({ "channel": "web", "text": "x" })),
        event("form.requested", json!({ "name": "offer" })),
        event("job.due", json!({ "job": "reminders" })),
        event("custom.thing", json!({ "reference_type": "ticket" })),
        event("command.completed", json!({ "command_id": command, "result": { "a": [1] } })),
        event(
            "command.failed",
            json!({ "command_id": command, "error": { "code": "busy", "message": "no" } }),
        ),
        event("command.failed", json!({ "command_id": command, "error": "text" })),
    ];
    let mut encoded = event("call.incoming", Value::Null);
    encoded["data_base64"] = json!("eyJmcm9tIjoiKzEiLCJ0byI6IisyIn0=");
    events.push(encoded);
    events
}

fn event(bytes: &[u8], definitions: &Definitions) {
    let parsed = match read(bytes, DEFAULT_REALM, None) {
        Ok(parsed) => parsed,
        Err(refusal) => {
            let message = &refusal.message;
            return assert!(message.len() <= MOST_MESSAGE, "{} bytes: {message}", message.len());
        }
    };
    let envelope = common::json::to_bytes(&envelope(&parsed.event));
    // Numbers may have become longer.
    if envelope.len() <= MAX_EVENT_BYTES {
        let again = read(&envelope, DEFAULT_REALM, None);
        assert_eq!(again.as_ref(), Ok(&parsed), "what was read means the same when it is read again");
    }
    let Ok(deliver) = address(&parsed, definitions, NOW, SHARDS) else { return };
    assert_eq!(
        serde_json::from_slice::<Event>(&deliver.input).unwrap(),
        parsed.event,
        "as the executor reads it"
    );
    assert!(deliver.shard.0 < SHARDS);
    if let Destination::Reference { owner: Some(start), .. } = deliver.to {
        assert_eq!(Start::from_bytes(&start.to_bytes()).as_ref(), Ok(&start), "as the store reads it");
    }
    let entry = Entry::Event { kind: deliver.kind, input: deliver.input, start: None };
    assert_eq!(Entry::from_bytes(&entry.to_bytes()).as_ref(), Ok(&entry));
}

/// The event as a publisher would send it.
fn envelope(event: &Event) -> Value {
    let mut envelope = serde_json::to_value(event).unwrap();
    envelope["specversion"] = json!("1.0");
    envelope
}

fn damaged<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, BadRecord>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    match read(bytes) {
        Ok(value) => assert_eq!(read(&write(&value)).as_ref(), Ok(&value)),
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
}

/// Everything that is read from a store: any bytes are a value or an error.
fn stored(bytes: &[u8]) {
    damaged(bytes, Record::from_bytes, |record| record.to_bytes(0));
    damaged(bytes, Start::from_bytes, Start::to_bytes);
    damaged(bytes, Entry::from_bytes, Entry::to_bytes);
    damaged(bytes, ActiveflowSpec::from_bytes, ActiveflowSpec::to_bytes);
    if let Err(error) = Message::from_bytes(bytes) {
        assert!(error.to_string().len() < MOST_MESSAGE, "{error}");
    }
    if let Some(control) = Control::from_bytes(bytes) {
        assert_eq!(Control::from_bytes(&control.to_bytes()), Some(control));
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_once_went_wrong_stays_right() {
    let definitions = definitions();
    target("events").replay(|bytes| event(bytes, &definitions));
    target("records").replay(stored);
}

#[test]
fn any_event_is_read_or_refused_by_its_place() {
    let (known, definitions) = (events(), definitions());
    let texts: Vec<Vec<u8>> = known.iter().map(|event| event.to_string().into_bytes()).collect();
    let draw = |rng: &mut Rng| {
        let (one, other) = (rng.index(known.len()), rng.index(known.len()));
        if rng.one_in(3) {
            return mutate::bytes(rng, &texts[one], &texts[other], &mutate::PIECES);
        }
        let mut event = known[one].clone();
        for _ in 0..=rng.index(3) {
            mutate::json(rng, &mut event, &mut mutate::any_json);
        }
        mutate::text(rng, &event)
    };
    target("events").fuzz(3_000, draw, |bytes| event(bytes, &definitions));
}

#[test]
fn any_stored_bytes_are_a_value_or_an_error() {
    let record = unhex(include_str!("../golden/activeflow-1.hex"));
    let start = unhex(include_str!("../golden/start-1.hex"));
    let entry =
        Entry::Event { kind: "call.digits".into(), input: b"{}".to_vec(), start: Some(start.clone()) };
    let timer = Entry::Timer { wait: 7 };
    let spec = start[common::record::START_SPEC_AT..].to_vec();
    let controls = [Control::Stop, Control::Forward { action_id: "menu".into() }];
    let mut known = vec![record, start, entry.to_bytes(), timer.to_bytes(), spec];
    known.extend(controls.iter().map(Control::to_bytes));
    let draw = |rng: &mut Rng| {
        let (one, other) = (rng.index(known.len()), rng.index(known.len()));
        mutate::bytes(rng, &known[one], &known[other], &mutate::PIECES)
    };
    target("records").fuzz(5_000, draw, |bytes| stored(bytes));
}
