//! Findings of validation, and their places.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use flow::finding::{Finding, Severity};
use flow::{Bundle, Class, validate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::bundle_of;

fn document(actions: &Value) -> Value {
    json!({ "schema": "signalbox.flow/v1", "name": "test", "trigger": { "event": "call.incoming" }, "actions": actions })
}

/// The document with a name, unless it has one.
fn named(document: &Value) -> String {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.entry("name").or_insert_with(|| json!("test"));
    }
    document.to_string()
}

/// `code pointer` of every finding.
fn found(document: &Value) -> Vec<String> {
    validate(&named(document)).iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect()
}

fn in_actions(actions: Value) -> Vec<String> {
    found(&document(&actions))
}

fn only(document: &Value) -> Finding {
    let findings = validate(&named(document));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.into_iter().next().unwrap()
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let text = "{\n  \"schema\": \"signalbox.flow/v1\",\n  \"actions\": [\n    { \"id\": \"a\", \"type\": \"tlak\" }\n  ]\n}";
    let finding = &validate(text)[0];
    assert_eq!(
        (finding.code.as_str(), finding.severity, finding.pointer.as_str()),
        ("SBX0201", Severity::Error, "/actions/0/type")
    );
    assert_eq!((finding.line, finding.column), (4, 26));
    assert_eq!(
        (finding.what.as_str(), finding.help.as_str()),
        ("There is no action type `tlak`.", "Did you mean `talk`?")
    );
}

#[test]
fn broken_json_is_found_with_its_place() {
    let findings = validate("{\n  \"actions\": [\n");
    assert_eq!((findings[0].code.as_str(), findings[0].line), ("SBX0101", 3));
}

#[test]
fn the_document_itself_is_judged() {
    assert_eq!(found(&json!([])), ["SBX0107 "]);
    assert_eq!(found(&json!({})), ["SBX0107 "]);
    assert_eq!(found(&json!({ "schema": "signalbox.flow/v2", "actions": [] })), ["SBX0104 /schema"]);
    assert_eq!(
        found(&json!({ "schema": "signalbox.flow/v1", "actoins": [], "actions": [] })),
        ["SBX0105 /actoins"]
    );
    assert_eq!(found(&json!({ "tm_create": "2023", "actions": [] })), ["SBX0106 /tm_create"]);
    assert_eq!(
        found(&json!({ "trigger": { "event": "call.incomming" }, "actions": [] })),
        ["SBX0108 /trigger/event"]
    );
    assert_eq!(
        found(&json!({ "type": "chat", "trigger": { "event": "sim.usage" }, "actions": [] })),
        ["SBX0502 /trigger/event"]
    );
    assert_eq!(
        found(&json!({ "variables": { "call": 1, "a-b": 2 }, "actions": [] })),
        ["SBX0109 /variables/a-b", "SBX0109 /variables/call"]
    );
    assert_eq!(validate(&format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20)))[0].code, "SBX0102");
}

#[test]
fn options_are_judged_one_by_one() {
    let talk = |option: Value| in_actions(json!([{ "id": "a", "type": "talk", "option": option }]));
    assert_eq!(
        talk(json!({ "text": "x", "langauge": "en", "voise": "y" })),
        ["SBX0202 /actions/0/option/langauge", "SBX0202 /actions/0/option/voise"]
    );
    assert_eq!(talk(json!({ "text": 7 })), ["SBX0203 /actions/0/option/text"]);
    assert_eq!(talk(json!({})), ["SBX0203 /actions/0/option"]);
    assert_eq!(
        talk(json!({ "text": "x", "digits_handle": "later" })),
        ["SBX0203 /actions/0/option/digits_handle"]
    );
    let digits =
        |option: Value| in_actions(json!([{ "id": "a", "type": "digits_receive", "option": option }]));
    assert_eq!(digits(json!({ "length": -1 })), ["SBX0203 /actions/0/option/length"]);
    assert_eq!(digits(json!({ "length": 300, "key": "x", "duration": 9e12 as u64 })).len(), 3);
    let recording =
        |option: Value| in_actions(json!([{ "id": "a", "type": "recording_start", "option": option }]));
    assert_eq!(
        recording(json!({ "duration": 90_000, "end_of_silence": 86_401, "on_end_flow_id": "f" })),
        [
            "SBX0204 /actions/0/option/duration",
            "SBX0204 /actions/0/option/end_of_silence",
            "SBX0204 /actions/0/option/on_end_flow_id"
        ]
    );
    assert_eq!(recording(json!({ "format": "flac" })), ["SBX0203 /actions/0/option/format"]);
    assert_eq!(recording(json!({ "end_of_key": "5" })), ["SBX0203 /actions/0/option/end_of_key"]);
    let of_voipbin = json!({ "format": "ogg", "end_of_silence": 3, "end_of_key": "any", "duration": 60, "beep_start": true, "on_end_flow_id": "00000000-0000-0000-0000-000000000000" });
    assert_eq!(recording(of_voipbin), [""; 0]);
    // A key may contain what separates the parts of a pointer, or serde's quotes.
    assert_eq!(
        talk(json!({ "text": "x", "voice/~": 1, "a`b": 2 })),
        ["SBX0202 /actions/0/option/a`b", "SBX0202 /actions/0/option/voice~1~0"]
    );
    let help =
        only(&document(&json!([{ "id": "a", "type": "talk", "option": { "text": "x", "langauge": "en" } }])))
            .help;
    assert_eq!(help, "Did you mean `language`?");
    let message = in_actions(
        json!([{ "id": "a", "type": "message_send", "option": { "text": "x", "destinations": [{ "target": "+1", "tpye": "tel" }] } }]),
    );
    assert_eq!(message, ["SBX0202 /actions/0/option/destinations/0/tpye"]);
}

/// In a document of voipbin an unknown key is a warning, and a refusal without an error would say nothing.
#[test]
fn a_document_that_is_refused_has_an_error() {
    let many: serde_json::Map<_, _> = (0..30).map(|n| (format!("tm_{n}"), json!(1))).collect();
    for unknown in [many, json!({ "actions/~": 1, "a`b": 2 }).as_object().unwrap().clone()] {
        let mut document = json!({ "name": "x", "trigger": { "event": "call.incoming" }, "actions": [] });
        document.as_object_mut().unwrap().extend(unknown);
        if let Err(errors) = Bundle::compile(("main", &document.to_string()), &BTreeMap::new()) {
            assert!(!errors.is_empty(), "{document}");
        }
    }
}

#[test]
fn ids_and_targets_must_exist_once() {
    assert_eq!(in_actions(json!([{ "type": "stop" }])), ["SBX0205 /actions/0"]);
    assert_eq!(
        in_actions(json!([{ "id": "a", "type": "answer" }, { "id": "a", "type": "stop" }])),
        ["SBX0206 /actions/1/id"]
    );
    assert_eq!(
        in_actions(json!([{ "id": "00000000-0000-0000-0000-000000000002", "type": "stop" }])),
        ["SBX0207 /actions/0/id"]
    );
    assert_eq!(
        in_actions(json!([{ "id": "a", "type": "answer", "next_id": "b" }])),
        ["SBX0301 /actions/0/next_id"]
    );
    assert_eq!(
        in_actions(json!([{ "id": "a", "type": "answer", "on_error": "b" }])),
        ["SBX0301 /actions/0/on_error"]
    );
    let branch = json!([{ "id": "a", "type": "branch", "option": { "target_ids": { "1/2": "b" }, "default_target_id": "a" } }]);
    assert_eq!(in_actions(branch), ["SBX0301 /actions/0/option/target_ids/1~12"]);
}

#[test]
fn the_graph_is_judged_when_nothing_else_is_wrong() {
    let stopped = json!([{ "id": "a", "type": "stop" }, { "id": "b", "type": "answer" }]);
    assert_eq!(in_actions(stopped), ["SBX0302 /actions/1"]);
    for decided in [
        json!({ "id": "a", "type": "branch", "option": { "default_target_id": "c" } }),
        json!({ "id": "a", "type": "condition", "option": { "expression": "1", "false_target_id": "c", "true_target_id": "c" } }),
    ] {
        let actions = json!([decided, { "id": "b", "type": "answer" }, { "id": "c", "type": "answer" }]);
        assert_eq!(in_actions(actions), ["SBX0302 /actions/1"]);
    }
    let endless = json!([{ "id": "a", "type": "answer" }, { "id": "b", "type": "goto", "option": { "target_id": "a" } }]);
    assert_eq!(in_actions(endless), ["SBX0303 /actions/0"]);
    let with_a_way_out = json!([
        { "id": "a", "type": "answer" },
        { "id": "b", "type": "condition", "option": { "expression": "call.from == '1'", "false_target_id": "a" } },
    ]);
    assert_eq!(in_actions(with_a_way_out), ["SBX0304 /actions/0"]);
    for paced in [
        json!([{ "id": "a", "type": "sleep", "option": { "duration": 5 } }, { "id": "b", "type": "goto", "option": { "target_id": "a" } }]),
        json!([{ "id": "a", "type": "answer" }, { "id": "b", "type": "goto", "option": { "target_id": "a", "loop_count": 3 } }]),
    ] {
        assert_eq!(in_actions(paced), [""; 0]);
    }
}

#[test]
fn expressions_and_their_variables_are_judged() {
    let talk = |text: &str| in_actions(json!([{ "id": "a", "type": "talk", "option": { "text": text } }]));
    assert_eq!(talk("${call.from"), ["SBX0401 /actions/0/option/text"]);
    assert_eq!(talk("${1 +}"), ["SBX0401 /actions/0/option/text"]);
    assert_eq!(talk("${cal.from} ${call.from}"), ["SBX0402 /actions/0/option/text"]);
    assert_eq!(talk("${actions.b.digits}"), ["SBX0402 /actions/0/option/text"]);
    assert_eq!(talk("${sim.iccid}"), ["SBX0404 /actions/0/option/text"]);
    let condition = json!([{ "id": "a", "type": "condition", "option": { "expression": "nobody > 1", "false_target_id": "b" } }, { "id": "b", "type": "stop" }]);
    assert_eq!(in_actions(condition), ["SBX0402 /actions/0/option"]);
    let branch = json!([{ "id": "a", "type": "branch", "option": { "variable": "nobody" } }]);
    assert_eq!(in_actions(branch), ["SBX0402 /actions/0/option"]);
    let subroutine = json!({ "schema": "signalbox.flow/v1", "actions": [{ "id": "a", "type": "talk", "option": { "text": "${x}" } }] });
    assert_eq!(only(&subroutine).code, "SBX0403");
}

#[test]
fn actions_must_fit_what_starts_the_flow() {
    let flow = |trigger: &str, kind: &str, option: Value| {
        found(
            &json!({ "schema": "signalbox.flow/v1", "trigger": { "event": trigger }, "actions": [{ "id": "a", "type": kind, "option": option }] }),
        )
    };
    assert_eq!(flow("sim.usage", "talk", json!({ "text": "x" })), ["SBX0501 /actions/0/type"]);
    assert_eq!(flow("call.incoming", "message_receive", json!({})), ["SBX0503 /actions/0/type"]);
    assert_eq!(flow("message.received", "message_receive", json!({})), [""; 0]);
    let service = json!({ "schema": "signalbox.flow/v1", "type": "service", "actions": [{ "id": "a", "type": "answer" }] });
    assert_eq!(found(&service), ["SBX0501 /actions/0/type"]);
}

#[test]
fn a_document_has_a_name() {
    let codes = |document: Value| -> Vec<String> {
        let findings = validate(&document.to_string());
        findings.iter().map(|found| format!("{} {} {}", found.code, found.pointer, found.column)).collect()
    };
    assert_eq!(codes(json!({ "actions": [] })), ["SBX0110  1"]);
    assert_eq!(codes(json!({ "actions": [], "name": " " })), ["SBX0110 /name 22"]);
    assert_eq!(codes(json!({ "actions": [], "name": "x" })), [""; 0]);
}

#[test]
fn a_filter_a_test_and_a_function_must_exist() {
    let talk = |text: &str| in_actions(json!([{ "id": "a", "type": "talk", "option": { "text": text } }]));
    for unknown in [
        "${call.from | uper}",
        "${call.from is numeric}",
        "${now()}",
        "${call.from.upper()}",
        "${[call.from] | map('uper') | join}",
        "${[call.from] | select('numeric') | join}",
    ] {
        assert_eq!(talk(unknown), ["SBX0405 /actions/0/option/text"], "{unknown}");
    }
    for wrong in ["${call.from | replace('a')}", "${call.from | upper(1)}", "${call.from | default(valeu=1)}"]
    {
        assert_eq!(talk(wrong), ["SBX0401 /actions/0/option/text"], "{wrong}");
    }
    let found =
        only(&document(&json!([{ "id": "a", "type": "talk", "option": { "text": "${call.to | uper}" } }])));
    assert_eq!(
        found.what,
        "The expression `call.to | uper` cannot be read: there is no filter `uper`; perhaps `upper`."
    );
}

#[test]
fn a_field_that_nothing_sets_is_found_and_one_of_an_event_is_not() {
    let flow = |trigger: &str, text: &str| {
        found(&json!({
            "schema": "signalbox.flow/v1", "trigger": { "event": trigger },
            "actions": [{ "id": "a", "type": "message_send", "option": { "text": text } }],
        }))
    };
    let at = ["SBX0406 /actions/0/option/text"];
    assert_eq!(flow("call.incoming", "${call.form}"), at);
    assert_eq!(flow("message.received", "${message.body}"), at);
    assert_eq!(flow("sim.usage", "${sim.total}"), at);
    assert_eq!(flow("sim.usage", "${event.subjcet}"), at);
    for known in ["${event.data.anything.at[0].all}", "${sim.total_bytes}", "${sim.iccid}", "${error.code}"] {
        assert_eq!(flow("sim.usage", known), [""; 0], "{known}");
    }
    assert_eq!(flow("sim.swapped", "${sim.imei}"), [""; 0], "other events of SIMs have fields of their own");
    let help = only(&json!({
        "schema": "signalbox.flow/v1", "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "a", "type": "talk", "option": { "text": "${call.caller_name}" } }],
    }))
    .help;
    assert!(
        help.ends_with(
            "`event.data.caller_name` reads what a gateway adds to the event that starts the flow."
        )
    );
}

/// Case 06: digits and numbers of phones are texts.
#[test]
fn a_text_against_a_number_is_found_before_the_flow_runs() {
    let condition = |expression: &str| {
        in_actions(json!([
            { "id": "ask", "type": "digits_receive" },
            { "id": "a", "type": "condition", "option": { "expression": expression, "false_target_id": "b" } },
            { "id": "b", "type": "stop" },
        ]))
    };
    for mistake in [
        "call.digits == 1",
        "call.digits > 5",
        "1 != call.digits",
        "call.digits in [1, 2]",
        "actions.ask.digits == 1",
        "voipbin.call.digits == 1",
        "call.from | trim >= 100",
        "call.digits is eq 1",
        "(call.digits ~ '') == 1 + 1",
        "not (call.digits == 1) and true",
    ] {
        assert_eq!(condition(mistake), ["SBX0407 /actions/1/option"], "{mistake}");
    }
    for right in
        ["call.digits == '1'", "call.digits | int > 5", "call.digits in ['1', 2]", "event.data.n == 1"]
    {
        assert_eq!(condition(right), [""; 0], "{right}");
    }
    let sim = |expression: &str| {
        found(&json!({
            "trigger": { "event": "sim.usage" },
            "actions": [{ "type": "condition", "option": { "expression": expression, "false_target_id": "action-1" } }],
        }))
    };
    assert!(sim("sim.total_bytes >= '1000'").contains(&"SBX0407 /actions/0/option".to_owned()));
    assert!(!sim("sim.total_bytes >= 1000").contains(&"SBX0407 /actions/0/option".to_owned()));
    let found =
        only(&document(&json!([{ "id": "a", "type": "talk", "option": { "text": "${call.digits == 1}" } }])));
    assert_eq!(found.what, "`call.digits` is a text, and `1` is a number.");
}

#[test]
fn a_language_and_the_results_of_a_subroutine_are_judged() {
    let talk = |language: &str| {
        let option = json!({ "text": "Hi", "language": language });
        in_actions(json!([{ "id": "a", "type": "talk", "option": option }]))
    };
    for wrong in ["english", "en_US", "xx-XX"] {
        assert_eq!(talk(wrong), ["SBX0208 /actions/0/option/language"], "{wrong}");
    }
    for right in ["en-US", "", "${event.data.language}"] {
        assert_eq!(talk(right), [""; 0], "{right}");
    }
    let results = |value: Value| {
        let option = json!({ "flow_id": "x", "results": { "open": value } });
        in_actions(json!([{ "id": "a", "type": "subroutine", "option": option }]))
    };
    assert_eq!(results(json!("is_open")), ["SBX0209 /actions/0/option/results/open"]);
    assert_eq!(results(json!("${is_open}")), [""; 0]);
}

#[test]
fn a_document_has_two_thousand_expressions_of_128_kib_together() {
    let actions = |number: usize, text: &str| {
        let one = |n: usize| json!({ "id": n.to_string(), "type": "talk", "option": { "text": text } });
        in_actions((0..number).map(one).collect::<Vec<_>>().into())
    };
    assert_eq!(actions(1_000, "${call.from} ${call.to}"), [""; 0]);
    assert_eq!(actions(1_001, "${call.from} ${call.to}"), ["SBX0111 /actions/1000/option/text"]);
    let long = format!("${{'{}'}}", "x".repeat(1_000));
    assert_eq!(actions(130, &long), [""; 0]);
    assert_eq!(actions(131, &long), ["SBX0111 /actions/130/option/text"]);
    let bare =
        |n: usize| json!({ "id": n.to_string(), "type": "branch", "option": { "variable": "call.from" } });
    let many = in_actions((0..2_001).map(bare).collect::<Vec<_>>().into());
    assert_eq!(many, ["SBX0111 /actions/2000/option/variable"]);
}

fn compile(main: Value, subroutines: &[(&str, Value)]) -> Vec<String> {
    let texts: BTreeMap<String, String> =
        subroutines.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())).collect();
    match Bundle::compile(("main", &main.to_string()), &texts) {
        Ok(_) => vec![],
        Err(findings) => findings.iter().map(|f| format!("{} {} {}", f.code, f.pointer, f.what)).collect(),
    }
}

fn calling(called: &str) -> Value {
    json!({ "name": format!("calls {called}"), "actions": [{ "id": "a", "type": "subroutine", "option": { "flow_id": called } }] })
}

#[test]
fn a_subroutine_must_exist_and_call_nothing_that_calls_it() {
    let unknown = compile(calling("opening-hour"), &[("opening-hours", json!({ "actions": [] }))]);
    assert_eq!(unknown, ["SBX0504 /actions/0/option/flow_id There is no flow `opening-hour` to call."]);
    let help = |others: &[&str]| {
        let others = others.iter().map(|name| ((*name).to_owned(), json!({ "actions": [] }).to_string()));
        let called = calling("opening-hour").to_string();
        Bundle::compile(("main", &called), &others.collect()).unwrap_err()[0].help.clone()
    };
    assert_eq!(help(&[]), "Deploy that flow first; no other flow is deployed yet.");
    assert_eq!(
        help(&["opening-hours", "x"]),
        "Deploy that flow first, or name one that is deployed. Did you mean `opening-hours`?"
    );
    assert_eq!(
        help(&["a", "b"]),
        "Deploy that flow first, or name one that is deployed. Known names: `a`, `b`."
    );
    let circle = compile(calling("x"), &[("x", calling("y")), ("y", calling("x"))]);
    assert_eq!(circle.len(), 1);
    assert!(circle[0].starts_with("SBX0505 /actions/0/option/flow_id In the subroutine `y`: "), "{circle:?}");
    assert!(compile(calling("main"), &[])[0].starts_with("SBX0505"));
    assert_eq!(compile(calling("x"), &[("x", calling("z")), ("z", json!({ "actions": [] }))]), [""; 0]);
}

#[test]
fn a_subroutine_is_judged_by_the_trigger_of_its_caller() {
    let main = json!({ "trigger": { "event": "sim.usage" }, "actions": [{ "id": "a", "type": "subroutine", "option": { "flow_id": "x" } }] });
    let speaking = json!({ "actions": [{ "id": "a", "type": "talk", "option": { "text": "x" } }] });
    assert_eq!(compile(main, &[("x", speaking)]).len(), 1);
}

#[test]
fn the_action_objects_of_voipbin_load_as_they_are() {
    let flow = json!({
        "id": "93993ae1-0408-4639-ad5f-1288aa8d4325", "name": "main menu", "detail": "voipbin's own",
        "actions": [
            { "id": "f9720d64-a8a8-11ed-8853-3f29a447aac1", "type": "talk", "option": {
                "text": "Hello. Welcome to the voipbin service. Please select the service.",
                "gender": "female", "language": "en-US", "digits_handle": "next" } },
            { "id": "93ebcadb-ecae-4291-8d49-ca81a926b8b3", "next_id": "00000000-0000-0000-0000-000000000000",
              "type": "digits_receive", "option": { "length": 1, "duration": 5000 } },
            { "type": "branch", "option": { "variable": "voipbin.call.digits", "default_target_id": "93ebcadb-ecae-4291-8d49-ca81a926b8b3",
                "target_ids": { "1": "f9720d64-a8a8-11ed-8853-3f29a447aac1" } } },
        ]
    });
    assert_eq!(found(&flow), [""; 0]);
    let bundle = bundle_of(&flow, &[]);
    assert_eq!((bundle.class(), bundle.trigger(), bundle.name()), (Class::Voice, None, "main menu"));
    let mut call = support::Drive::call(bundle);
    call.digits("2");
    assert_eq!(call.at(), "93ebcadb-ecae-4291-8d49-ca81a926b8b3");
}

#[test]
fn the_schema_knows_every_action_and_refuses_unknown_options() {
    let schema = flow::schema();
    assert_eq!(schema["$schema"], json!("https://json-schema.org/draft/2020-12/schema"));
    let text = schema.to_string();
    for name in
        ["digits_receive", "fetch_flow", "stream_urls", "loop_count", "wait_delivery", "digits_handle"]
    {
        assert!(text.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(schema["properties"]["actions"]["items"], json!({ "$ref": "#/$defs/Action" }));
    assert_eq!(schema["$defs"]["Talk"]["additionalProperties"], json!(false));
    let variable = &schema["$defs"]["Branch"]["properties"]["variable"];
    assert_eq!((&variable["type"], &variable["default"]), (&json!("string"), &json!("call.digits")));
}

#[test]
fn the_hash_is_of_what_the_documents_say_and_not_of_how() {
    let compile = |text: &str| Bundle::compile(("main", text), &BTreeMap::new()).unwrap();
    let one = compile(r#"{"name": "x", "actions": []}"#);
    let other = compile("{\n\"actions\": [ ], \"layout\": {\"a\": [1, 2]}, \"name\": \"x\"}");
    assert_eq!((one.hash(), one.to_bytes()), (other.hash(), other.to_bytes()));
    assert_eq!(one.hash().len(), 64);
    assert_ne!(one.hash(), compile(r#"{"name": "y", "actions": []}"#).hash());
}
