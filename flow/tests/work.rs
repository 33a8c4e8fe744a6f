//! The work of a step: what is counted, and what happens when it is used up.

mod support;

use flow::cursor::{Cursor, CursorState, Identity, Input};
use flow::step::{Effect, step_within};
use flow::{Bundle, Timestamp};
use serde_json::{Value, json};
use support::{Drive, ID, bundle_of, event, voice};

/// About a third of a step's work.
const EXPENSIVE: &str = "${(big | upper | lower) | length}";

fn big() -> String {
    "x".repeat(50_000)
}

/// A loop of `jumps` and one expensive expression each.
fn expensive(jumps: u64) -> Bundle {
    let actions = json!([
        { "id": "n", "type": "variable_set", "option": { "key": "n", "value": "${n + 1}" } },
        { "id": "a", "type": "variable_set", "option": { "key": "x", "value": EXPENSIVE } },
        { "id": "say", "type": "talk", "option": { "text": "${n} ${x}", "async": true } },
        { "id": "b", "type": "goto", "option": { "target_id": "n", "loop_count": jumps } },
        { "id": "end", "type": "sleep", "option": { "duration": 1 } },
    ]);
    let document = json!({
        "name": "test", "trigger": { "event": "call.incoming" },
        "variables": { "big": big(), "n": 0, "x": 0 }, "actions": actions,
    });
    bundle_of(&document, &[])
}

fn resume(call: &mut Drive) -> usize {
    let mut steps = 1;
    while call.cursor.state() == CursorState::Yielded {
        call.input(Input::Resumed);
        steps += 1;
        assert!(steps < 10_000, "it goes on");
    }
    steps
}

#[test]
fn a_step_that_used_up_its_work_yields_and_goes_on() {
    let mut call = Drive::call(expensive(60));
    assert_eq!(call.cursor.state(), CursorState::Yielded);
    let yielded = call.notes.iter().find(|note| note.what.as_str() == "yielded").unwrap();
    assert_eq!(yielded.detail, json!({ "because": "work" }));
    let steps = resume(&mut call);
    assert!((15..80).contains(&steps), "{steps}");
    assert_eq!((call.at(), call.variable("/n"), call.noted("failed")), ("end", json!(61), 0));
    let said: Vec<String> = call.commands.iter().map(support::spoken).collect();
    let expected: Vec<String> = (1..=61).map(|n| format!("call.talk: {n} 50000")).collect();
    assert_eq!(said, expected, "each once and in order");
}

/// Steps of `actions` actions each, until the cursor waits or has ended: its bytes, and all effects.
fn in_steps_of(bundle: &Bundle, actions: u32) -> (Vec<u8>, Vec<Effect>) {
    let identity = Identity {
        activeflow_id: ID.into(),
        customer_id: "acme".into(),
        reference_type: "call".into(),
        reference_id: "call-1".into(),
    };
    let mut cursor = Cursor::new(bundle, identity);
    let mut input = Input::Started(event("call.incoming", json!({ "from": "+15550100" })));
    let mut effects = Vec::new();
    loop {
        let step = step_within(bundle, cursor, input, Timestamp::from_micros(5), actions);
        effects.extend(step.effects);
        cursor = step.cursor;
        input = Input::Resumed;
        if cursor.state() != CursorState::Yielded {
            return (cursor.to_json(), effects);
        }
    }
}

#[test]
fn any_division_into_steps_gives_the_same_cursor_and_the_same_effects() {
    let too_expensive = voice(json!([
        { "id": "set", "type": "variable_set", "option": { "key": "big", "value": big() } },
        { "id": "a", "type": "variable_set", "option": { "key": "x", "value": [EXPENSIVE, EXPENSIVE] } },
        { "id": "b", "type": "variable_set", "on_error": "continue", "option": { "key": "x", "value": vec![EXPENSIVE; 9] } },
        { "id": "c", "type": "talk", "option": { "text": "${error.code}", "async": true } },
        { "id": "d", "type": "variable_set", "option": { "key": "x", "value": [EXPENSIVE, EXPENSIVE] } },
        { "id": "e", "type": "variable_set", "option": { "key": "y", "value": [EXPENSIVE, EXPENSIVE] } },
        { "id": "f", "type": "sleep", "option": { "duration": 1 } },
    ]));
    for bundle in [expensive(20), too_expensive] {
        let whole = in_steps_of(&bundle, 256);
        for actions in [1, 2, 3, 7, 100] {
            assert_eq!(in_steps_of(&bundle, actions), whole, "{actions}");
        }
    }
}

#[test]
fn an_action_that_needs_more_than_a_whole_step_fails() {
    let list = vec![EXPENSIVE; 9];
    let document = |option: Value, kind: &str| {
        let actions = json!([{ "id": "a", "type": kind, "option": option }]);
        let variables = json!({ "big": big() });
        let trigger = json!({ "event": "call.incoming" });
        bundle_of(
            &json!({ "on_end": "leave", "trigger": trigger, "variables": variables, "actions": actions }),
            &[],
        )
    };
    let mut call = Drive::call(document(json!({ "key": "x", "value": list }), "variable_set"));
    resume(&mut call);
    assert_eq!((call.ended().as_deref(), call.error_code().as_deref()), (Some("failed"), Some("limit.work")));
    let to: Vec<Value> = (0..100).map(|_| json!({ "target": format!("+1{EXPENSIVE}") })).collect();
    let mut call = Drive::call(document(json!({ "text": "x", "destinations": to }), "message_send"));
    resume(&mut call);
    assert_eq!((call.error_code().as_deref(), call.commands.len()), (Some("limit.work"), 0));
}

/// What many flows do is far from the limit.
#[test]
fn a_hundred_long_messages_and_256_plain_actions_are_one_step() {
    let to: Vec<Value> = (0..100).map(|n| json!({ "target": format!("+1555{n:04}") })).collect();
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "message_send", "option": { "text": "x".repeat(16_000), "destinations": to } },
        { "id": "b", "type": "sleep", "option": { "duration": 1 } },
    ])));
    assert_eq!((call.at(), call.commands.len(), call.noted("yielded")), ("b", 100, 0));

    let text = "Hello ${call.from}, you called ${call.to}. ${'Good' if call.from == '+1' else 'Bad'} ${call.id | upper}";
    let mut actions: Vec<Value> = (0..250)
        .map(|n| json!({ "id": n.to_string(), "type": "talk", "option": { "text": text, "async": true } }))
        .collect();
    actions.push(json!({ "id": "end", "type": "sleep", "option": { "duration": 1 } }));
    let call = Drive::call(voice(actions.into()));
    assert_eq!((call.at(), call.commands.len(), call.noted("yielded")), ("end", 250, 0));
}

/// Case 06 of real life: usage reports whose number is no number.
#[test]
fn a_usage_report_without_a_number_fails_and_does_not_count_as_over_quota() {
    let document = json!({
        "name": "quota", "trigger": { "event": "sim.usage" },
        "actions": [
            { "id": "over", "type": "condition", "option": { "expression": "sim.total_bytes >= 1000000000", "false_target_id": "end" } },
            { "id": "told", "type": "sleep", "option": { "duration": 1 } },
            { "id": "end", "type": "stop" },
        ],
    });
    let outcome = |total: Value| {
        let mut sim = Drive::new(bundle_of(&document, &[]));
        sim.input(Input::Started(event("sim.usage", json!({ "period": "2026-11", "total_bytes": total }))));
        (sim.error_code(), sim.ended(), sim.noted("failed"))
    };
    for wrong in [json!("5"), json!(""), json!({}), json!([]), json!(null), json!(true)] {
        assert_eq!(outcome(wrong.clone()), (Some("expression".into()), Some("failed".into()), 1), "{wrong}");
    }
    assert_eq!(outcome(json!(5)), (None, Some("finished".into()), 0));
    assert_eq!(outcome(json!(1_000_000_000)), (None, None, 0));

    let mut call = Drive::call(voice(json!([
        { "id": "ask", "type": "digits_receive", "option": { "length": 1 } },
        { "id": "keep", "type": "variable_set", "option": { "key": "pressed", "value": "${call.digits}" } },
        { "id": "if", "type": "condition", "option": { "expression": "pressed == 1", "false_target_id": "end" } },
        { "id": "end", "type": "stop" },
    ])));
    call.digits("1");
    assert_eq!(call.error_code().as_deref(), Some("expression"));
}
