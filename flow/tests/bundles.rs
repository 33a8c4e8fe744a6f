//! Tests of bundles: their bytes, and calls between flows.

mod support;

use flow::{Bundle, Class};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::bundle_of;

#[test]
fn a_bundle_tells_its_flow_and_gives_its_document_back() {
    let document = json!({ "name": "line", "trigger": { "event": "call.incoming" }, "actions": [] });
    let bundle = Bundle::compile(("7f00", &document.to_string()), &BTreeMap::new()).unwrap();
    assert_eq!((bundle.flow_id(), bundle.name(), bundle.document()), ("7f00", "line", &document));
    let again = Bundle::compile(("7f00", &bundle.document().to_string()), &BTreeMap::new()).unwrap();
    assert_eq!(again.hash(), bundle.hash());
}

/// An earlier version may have written them in another way; a lookup by hash returns the stored bytes.
#[test]
fn a_stored_bundle_keeps_its_bytes() {
    let stored = [&[1], &b"{ \"main\": \"m\", \"document\": { \"actions\": [] } }"[..]].concat();
    assert_eq!(Bundle::from_bytes(&stored).unwrap().to_bytes(), stored);
}

#[test]
fn the_class_is_that_of_the_type_or_of_the_trigger() {
    let class = |document: Value| bundle_of(&document, &[]).class();
    for (kind, expected) in
        [("voice", Class::Voice), ("chat", Class::Chat), ("forms", Class::Forms), ("service", Class::Service)]
    {
        assert_eq!(class(json!({ "type": kind, "actions": [] })), expected, "{kind}");
    }
    for (trigger, expected) in [
        ("call.incoming", Class::Voice),
        ("call.outgoing", Class::Voice),
        ("message.received", Class::Chat),
        ("conversation.message", Class::Chat),
        ("form.requested", Class::Forms),
        ("job.due", Class::Service),
        ("sim.usage", Class::Service),
        ("custom.alarm", Class::Service),
    ] {
        assert_eq!(class(json!({ "trigger": { "event": trigger }, "actions": [] })), expected, "{trigger}");
    }
    assert_eq!(class(json!({ "actions": [] })), Class::Voice);
}

#[test]
fn a_bundle_hears_its_trigger_what_its_actions_take_and_the_end_of_a_call() {
    let hears = |trigger: &str, actions: Value| {
        let bundle = bundle_of(&json!({ "trigger": { "event": trigger }, "actions": actions }), &[]);
        bundle.hears().into_iter().collect::<Vec<_>>().join(" ")
    };
    let talk =
        |digits| json!([{ "id": "a", "type": "talk", "option": { "text": "x", "digits_handle": digits } }]);
    let play = |digits| json!([{ "id": "a", "type": "play", "option": { "stream_urls": ["x"], "digits_handle": digits } }]);
    assert_eq!(hears("call.incoming", talk("")), "call.hangup call.incoming");
    assert_eq!(hears("call.incoming", talk("next")), "call.digits call.hangup call.incoming");
    assert_eq!(hears("call.incoming", play("")), "call.hangup call.incoming");
    assert_eq!(hears("call.incoming", play("next")), "call.digits call.hangup call.incoming");
    let digits = json!([{ "id": "a", "type": "digits_receive" }]);
    assert_eq!(hears("call.incoming", digits), "call.digits call.hangup call.incoming");
    assert_eq!(hears("sim.*", json!([])), "sim.*");
    let message = json!([{ "id": "a", "type": "message_receive" }]);
    assert_eq!(hears("message.received", message), "message.received");
}

#[test]
fn an_action_without_an_id_gets_one_that_no_other_has() {
    let bundle = bundle_of(
        &json!({ "actions": [{ "type": "answer" }, { "id": "action-1", "type": "answer" }, { "type": "answer" }] }),
        &[],
    );
    assert_eq!(flow::preview::jumps(&bundle, None), ["action-4", "action-1", "action-3"]);
}

fn calling(name: &str, called: &str) -> Value {
    json!({ "name": name, "actions": [{ "id": "a", "type": "subroutine", "option": { "flow_id": called } }] })
}

fn codes(main: &Value, subroutines: &BTreeMap<String, String>) -> Vec<String> {
    let compiled = Bundle::compile(("id", &main.to_string()), subroutines);
    compiled.map_or_else(|findings| findings.into_iter().map(|found| found.code).collect(), |_| vec![])
}

#[test]
fn a_flow_that_calls_itself_by_its_name_is_a_circle() {
    assert_eq!(codes(&calling("line", "line"), &BTreeMap::new()), ["SBX0505"]);
    assert_eq!(codes(&calling("line", "id"), &BTreeMap::new()), ["SBX0505"]);
    // Two flows without a name are not the same flow.
    assert_eq!(codes(&calling("", ""), &BTreeMap::new()), ["SBX0504"]);
}

#[test]
fn calls_are_followed_sixty_four_flows_deep() {
    let nested = |depth: usize| {
        let texts = (1..=depth).map(|n| {
            let last = json!({ "actions": [] });
            let flow = if n == depth { last } else { calling("", &(n + 1).to_string()) };
            (n.to_string(), flow.to_string())
        });
        codes(&calling("main", "1"), &texts.collect())
    };
    assert_eq!(nested(64), [""; 0]);
    assert_eq!(nested(65), ["SBX0505"]);
}

/// A bundle of before, whose expressions break a limit, is refused by place; it cannot end the process.
#[test]
fn a_stored_bundle_is_held_to_the_limits_of_expressions() {
    let stored = |text: String| {
        let document =
            json!({ "actions": [{ "id": "a", "type": "talk", "option": { "text": text } }], "name": "x" });
        let json = json!({ "main": "main", "document": document }).to_string();
        let bytes = [&[1], json.as_bytes()].concat();
        let read = std::thread::Builder::new().stack_size(2 << 20);
        let read =
            read.spawn(move || Bundle::from_bytes(&bytes).map(|_| ()).map_err(|error| error.to_string()));
        read.unwrap().join().unwrap()
    };
    assert_eq!(stored("${1+1}".to_owned()), Ok(()));
    for text in
        ["1+", "-", "not ", "1~", "()", "[", "(", "a|lower"].map(|part| part.repeat(14_000 / part.len()))
    {
        let error = stored(format!("${{{text}1}}")).unwrap_err();
        assert!(error.contains("flow `main` cannot be read: SBX040"), "{error}");
        assert!(error.contains("(/actions/0/option/text)"), "{error}");
    }
    let many = stored("${call.from}".repeat(1_000) + &"x".repeat(4_000));
    assert_eq!(many, Ok(()));
}
