//! Flows, events, rows and messages for the executor's tests.

use common::command::Message;
use common::member::MemberId;
use common::ports::work::{Claim, Row, Token};
use common::record::{ActiveflowSpec, EarlyInputs, Entry, FlowRef, Record, State, Suspect};
use common::{ActiveflowId, Shard};
use flow::route::Reference;
use flow::{Bundle, Class, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

pub fn message(n: u32) -> Message {
    Message {
        id: n.to_string(),
        routing_key: "call.talk".into(),
        correlation_id: "a".into(),
        reference: "c".into(),
        traceparent: None,
        body: "{}".into(),
    }
}

/// A flow that talks, waits for a digit and hangs up.
pub fn bundle() -> Bundle {
    let document = r#"{
        "schema": "signalbox.flow/v1", "name": "Test", "type": "voice", "trigger": { "event": "call.incoming" },
        "actions": [
            { "id": "welcome", "type": "talk", "option": { "text": "Hello.", "language": "en-US" } },
            { "id": "menu", "type": "digits_receive", "option": { "length": 1, "duration": 5000 } },
            { "id": "bye", "type": "hangup", "option": { "reason": "normal" } }
        ]
    }"#;
    Bundle::compile(("flow", document), &BTreeMap::new()).expect("the document is valid")
}

pub fn event(kind: &str, id: &str, data: serde_json::Value) -> Entry {
    let event = serde_json::json!({ "id": id, "source": "sbc", "type": kind, "subject": "c", "data": data });
    Entry::Event { kind: kind.into(), input: event.to_string().into_bytes(), start: None }
}

/// The trigger of every row.
pub fn incoming() -> Vec<u8> {
    let event = serde_json::json!({
        "id": "e1", "source": "sbc", "type": "call.incoming", "subject": "c",
        "data": { "from": "+15550100", "to": "+15550111" },
    });
    event.to_string().into_bytes()
}

/// The prompt has ended and a digit is pressed: the flow runs to its end.
pub fn digit() -> Vec<Entry> {
    let command_id = format!("{}:1", ActiveflowId::from_bytes([1; 16]));
    let completed = event("command.completed", "e2", serde_json::json!({ "command_id": command_id }));
    vec![completed, event("call.digits", "e3", serde_json::json!({ "digits": "1" }))]
}

pub fn spec() -> ActiveflowSpec {
    let mut hash = [0u8; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&bundle().hash()[at * 2..at * 2 + 2], 16).unwrap();
    }
    ActiveflowSpec {
        reference: Reference { realm: "default".into(), kind: "call".into(), subject: "c".into() },
        customer_id: "customer".into(),
        bundle: hash,
        hears: BTreeSet::new(),
        flow: FlowRef { id: "flow".into(), name: "Test".into(), version: 1 },
        traceparent: None,
    }
}

/// A row that cannot move: its bundle is missing.
pub fn stuck(n: u8, suspect: Suspect) -> Row {
    let mut row = row(n, suspect);
    row.record.spec.bundle = [0; 32];
    row
}

pub fn row(n: u8, suspect: Suspect) -> Row {
    let token = Token { worker: MemberId::from(1), nonce: 1 };
    let claim = Claim { id: ActiveflowId::from_bytes([n; 16]), shard: Shard(0), token };
    let time = Timestamp::default();
    let record = Record {
        state: State::Claimed,
        suspect,
        attempts: 0,
        owner: true,
        class: Class::Voice,
        version: 0,
        token: Some(token),
        wait: 0,
        deadline: None,
        ready_since: time,
        created: time,
        updated: time,
        inbox_bytes: 0,
        early: EarlyInputs::default(),
        later: Vec::new(),
        spec: spec(),
        body: Vec::new(),
    };
    let (trigger, inbox) = (incoming(), vec![Entry::Trigger]);
    Row { claim, record, trigger, inbox, outbox: Vec::new(), control: None }
}
