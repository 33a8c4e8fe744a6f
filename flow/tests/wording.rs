//! The texts of findings: names, bounds and proposals.

mod support;

use flow::finding::Finding;
use flow::validate;
use serde_json::{Value, json};

fn found(document: &Value) -> Vec<Finding> {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.entry("name").or_insert_with(|| json!("test"));
    }
    validate(&document.to_string())
}

fn in_option(kind: &str, option: Value) -> Vec<Finding> {
    found(
        &json!({ "schema": "signalbox.flow/v1", "trigger": { "event": "call.incoming" }, "actions": [{ "id": "a", "type": kind, "option": option }] }),
    )
}

#[test]
fn a_variable_has_a_name_that_expressions_can_read() {
    let whats = |key: &str| -> Vec<String> {
        in_option("variable_set", json!({ "key": key, "value": 1 }))
            .into_iter()
            .map(|found| found.what)
            .collect()
    };
    for key in ["x", "_x1", "a.b.c.d.e.f.g.h"] {
        assert_eq!(whats(key), [""; 0], "{key}");
    }
    for key in ["", "1x", "a-b", "a..b", ".a", "a.b c", "a.b.c.d.e.f.g.h.i"] {
        assert_eq!(whats(key), [format!("`{key}` cannot name a variable.")], "{key}");
    }
    assert_eq!(whats("call.digits"), ["`call.digits` begins with `call`, which the engine sets."]);
    let results = in_option("subroutine", json!({ "flow_id": "x", "results": { "error": 1 } }));
    assert_eq!(results[0].code, "SBX0109");
}

#[test]
fn a_whole_number_is_a_number_or_an_expression() {
    let codes = |duration: Value| -> Vec<String> {
        in_option("sleep", json!({ "duration": duration })).into_iter().map(|found| found.what).collect()
    };
    for whole in [json!(0), json!(5), json!("${5}")] {
        assert_eq!(codes(whole.clone()), [""; 0], "{whole}");
    }
    for (wrong, shown) in
        [(json!("5"), "`\"5\"`"), (json!(-5), "`-5`"), (json!(0.5), "`0.5`"), (json!(null), "`null`")]
    {
        assert_eq!(codes(wrong), [format!("Expected a whole number from 0 or an expression, got {shown}.")]);
    }
}

#[test]
fn a_duration_is_at_most_thirty_days() {
    let most: u64 = 30 * 24 * 60 * 60 * 1_000;
    for kind in ["sleep", "digits_receive"] {
        assert_eq!(in_option(kind, json!({ "duration": most })), [], "{kind}");
        let found = in_option(kind, json!({ "duration": most + 1 }));
        assert_eq!(
            found[0].what, "`duration` is `2592000001`, expected 0 to 2592000000 milliseconds.",
            "{kind}"
        );
    }
}

#[test]
fn the_most_that_an_option_may_be_is_allowed() {
    assert_eq!(in_option("digits_receive", json!({ "length": 256 })), []);
    assert_eq!(in_option("recording_start", json!({ "duration": 86_400, "end_of_silence": 86_400 })), []);
    assert_eq!(in_option("play", json!({ "stream_urls": [] }))[0].code, "SBX0204");
    let message = |duration: u64| {
        found(
            &json!({ "trigger": { "event": "message.received" }, "actions": [{ "type": "message_receive", "option": { "duration": duration } }] }),
        )
    };
    assert_eq!(message(1), []);
    assert_eq!(message(0)[0].what, "`duration` is `0`, expected 1 to 2592000000 milliseconds.");
}

/// An action that waits paces a loop.
#[test]
fn a_loop_needs_an_action_that_waits() {
    let looped = |trigger: &str, kind: &str, option: Value| -> Vec<String> {
        let actions = json!([
            { "id": "a", "type": kind, "option": option },
            { "id": "b", "type": "goto", "option": { "target_id": "a" } },
        ]);
        let document = json!({ "trigger": { "event": trigger }, "actions": actions });
        found(&document).into_iter().map(|found| found.code).collect()
    };
    for (kind, option) in [
        ("talk", json!({ "text": "x" })),
        ("play", json!({ "stream_urls": ["x"] })),
        ("digits_receive", json!({})),
        ("message_send", json!({ "text": "x", "wait_delivery": true })),
        ("recording_stop", json!({ "wait": true })),
        ("sleep", json!({ "duration": 1 })),
    ] {
        assert_eq!(looped("call.incoming", kind, option), [""; 0], "{kind}");
    }
    assert_eq!(looped("message.received", "message_receive", json!({})), [""; 0]);
    for (kind, option) in [
        ("talk", json!({ "text": "x", "async": true })),
        ("play", json!({ "stream_urls": ["x"], "async": true })),
        ("message_send", json!({ "text": "x" })),
        ("recording_stop", json!({})),
        ("recording_start", json!({})),
    ] {
        assert_eq!(looped("call.incoming", kind, option), ["SBX0303"], "{kind}");
    }
}

#[test]
fn expressions_are_found_wherever_they_stand_in_the_options() {
    let found = in_option("play", json!({ "stream_urls": ["https://x.example", "${nobody}"] }));
    assert_eq!(
        (found[0].code.as_str(), found[0].pointer.as_str()),
        ("SBX0402", "/actions/0/option/stream_urls/1")
    );
    let found = in_option("variable_set", json!({ "key": "x", "value": { "a": [{ "b": "${nobody}" }] } }));
    assert_eq!(found[0].pointer, "/actions/0/option/value/a/0/b");
}

#[test]
fn a_finding_names_both_sides_of_a_contradiction() {
    let types = [
        ("voice", "job.due", "service"),
        ("chat", "form.requested", "forms"),
        ("forms", "message.received", "chat"),
        ("service", "call.incoming", "voice"),
    ];
    for (kind, trigger, of_trigger) in types {
        let found = found(&json!({ "type": kind, "trigger": { "event": trigger }, "actions": [] }));
        assert_eq!(
            found[0].what,
            format!("The type is `{kind}`, but `{trigger}` starts flows of type `{of_trigger}`.")
        );
    }
}

#[test]
fn a_family_of_triggers_needs_a_name_behind_its_dot() {
    for trigger in ["sim.", "custom.", "sim", "call.", "call.incoming.x"] {
        let found = found(&json!({ "trigger": { "event": trigger }, "actions": [] }));
        assert_eq!(found[0].what, format!("No event `{trigger}` starts flows."));
    }
}

#[test]
fn an_action_that_nothing_leads_to_tells_what_goes_elsewhere() {
    let found = found(&json!({ "actions": [{ "id": "a", "type": "stop" }, { "id": "b", "type": "stop" }] }));
    assert_eq!(found[0].what, "Nothing leads to `b`. The action before it, `a`, goes elsewhere.");
}

#[test]
fn an_id_has_1_to_128_bytes() {
    let whats = |id: &str| -> Vec<String> {
        let document = json!({ "schema": "signalbox.flow/v1", "actions": [{ "id": id, "type": "stop" }] });
        found(&document).into_iter().map(|found| found.what).collect()
    };
    assert_eq!(whats(&"x".repeat(128)), [""; 0]);
    assert_eq!(whats(&"x".repeat(129)), ["The id has 129 bytes."]);
    assert_eq!(whats(""), ["The id has 0 bytes."]);
}

#[test]
fn where_nothing_is_allowed_nothing_is_proposed() {
    let found = in_option("stop", json!({ "x": 1 }));
    assert_eq!(
        (found[0].what.as_str(), found[0].help.as_str()),
        ("The key `x` is unknown here.", "Nothing is allowed here.")
    );
}

#[test]
fn a_finding_reads_as_one_line() {
    let finding = validate(&json!({ "schema": "signalbox.flow/v2", "actions": [] }).to_string()).remove(0);
    assert_eq!(
        finding.to_string(),
        "SBX0104 at 1:24 (/schema): The schema is `signalbox.flow/v2`, this version reads `signalbox.flow/v1`. \
         Change it, or use a newer Signalbox."
    );
}
