//! The variables of a flow's expressions, and the meaning of their values.

mod support;

use flow::cursor::{Cursor, Identity, Input};
use flow::{Bundle, Event};
use serde_json::{Value, json};
use support::{Drive, bundle_of, event, voice};

fn of_reference(bundle: &Bundle, reference_type: &str) -> Cursor {
    let identity = Identity {
        activeflow_id: "8a4f".into(),
        customer_id: "acme".into(),
        reference_type: reference_type.into(),
        reference_id: "r-1".into(),
    };
    Cursor::new(bundle, identity)
}

/// The value of each of `expressions` in an activeflow that `trigger` started.
fn seen(reference_type: &str, trigger: Event, expressions: &[&str]) -> Vec<Value> {
    let actions: Vec<Value> = expressions
        .iter()
        .enumerate()
        .map(|(n, text)| json!({ "id": format!("a{n}"), "type": "variable_set", "option": { "key": format!("v{n}"), "value": text } }))
        .collect();
    let mut drive = Drive::new(bundle_of(
        &json!({ "name": "line", "variables": { "own": { "list": [7, 8] } }, "actions": actions }),
        &[],
    ));
    drive.cursor = of_reference(&drive.bundle, reference_type);
    drive.input(Input::Started(trigger));
    (0..expressions.len()).map(|n| drive.variable(&format!("/v{n}"))).collect()
}

#[test]
fn a_flow_sees_who_it_is_and_what_started_it() {
    let trigger =
        Event { time: "2026-11-22T05:00:00Z".parse().ok(), ..event("call.incoming", json!({ "to": "+1" })) };
    let expressions = [
        "${activeflow.id} ${activeflow.reference_type} ${activeflow.reference_id} ${activeflow.started_at}",
        "${customer.id}",
        "${flow.id} ${flow.name}",
        "${event.id} ${event.source} ${event.type} ${event.subject} ${event.time} ${event.data.to}",
        "${own.list.1}",
        "${voipbin.activeflow.id}",
    ];
    let values = [
        "8a4f call r-1 1970-01-01T00:00:01.000000Z",
        "acme",
        "main line",
        "1 carrier call.incoming call-1 2026-11-22T05:00:00.000000Z +1",
        "8",
        "8a4f",
    ];
    let shown: Vec<String> = seen("call", trigger, &expressions)
        .iter()
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    assert_eq!(shown, values);
}

#[test]
fn a_call_tells_its_direction_unless_the_event_does() {
    let direction =
        |kind: &str, data: Value| seen("call", event(kind, data), &["${call.direction}"]).remove(0);
    assert_eq!(direction("call.incoming", json!({})), json!("incoming"));
    assert_eq!(direction("call.outgoing", json!({})), json!("outgoing"));
    assert_eq!(direction("call.incoming", json!({ "direction": "internal" })), json!("internal"));
}

#[test]
fn each_root_is_there_for_its_own_family_of_events_only() {
    let roots = ["${call.id}", "${message.text}", "${sim.iccid}"];
    let data = json!({ "text": "Hi" });
    let seen = |reference: &str, kind: &str| seen(reference, event(kind, data.clone()), &roots);
    assert_eq!(seen("call", "call.incoming"), [json!("call-1"), json!(""), json!("")]);
    assert_eq!(seen("sms", "message.received"), [json!(""), json!("Hi"), json!("")]);
    assert_eq!(seen("sim", "sim.usage"), [json!(""), json!(""), json!("call-1")]);
    assert_eq!(seen("api", "custom.alarm"), [json!(""), json!(""), json!("")]);
}

/// There is a call if the reference is a call, or else if a call event started the flow.
#[test]
fn a_call_is_there_by_the_reference_or_by_the_trigger() {
    let speaks = |reference: &str, kind: &str| {
        let bundle = bundle_of(
            &json!({ "actions": [{ "id": "a", "type": "talk", "option": { "text": "Hi" } }] }),
            &[],
        );
        let mut drive = Drive::new(bundle);
        drive.cursor = of_reference(&drive.bundle, reference);
        drive.input(Input::Started(event(kind, json!({})))).len() == 1
    };
    assert!(speaks("call", "call.incoming"));
    assert!(speaks("call", "custom.alarm"));
    assert!(speaks("api", "call.incoming"));
    assert!(!speaks("api", "custom.alarm"));
}

#[test]
fn a_condition_fails_on_false_zero_nothing_and_what_is_empty() {
    let holds = |value: Value| {
        let call = Drive::call(voice(json!([
            { "id": "set", "type": "variable_set", "option": { "key": "x", "value": value } },
            { "id": "if", "type": "condition", "option": { "expression": "x", "false_target_id": "no" } },
            { "id": "yes", "type": "sleep", "option": { "duration": 1 } },
            { "id": "no", "type": "sleep", "option": { "duration": 1 } },
        ])));
        call.at() == "yes"
    };
    for value in [json!(true), json!(1), json!(-0.5), json!("0"), json!([0]), json!({ "a": null })] {
        assert!(holds(value.clone()), "{value}");
    }
    for value in [json!(false), json!(0), json!(0.0), json!(null), json!(""), json!([]), json!({})] {
        assert!(!holds(value.clone()), "{value}");
    }
}
