//! docs/findings.md lists every kind of finding with an example. The page is written from the code and from the documents
//! here, each of which provokes its finding.

use crate::repository;
use flow::finding::{CODES, Code, Finding, Severity};
use flow::{Bundle, validate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const HEAD: &str = "# Findings

What `signalbox flow validate`, `signalbox flow deploy` and `POST /v1/flows` find in a document. A code keeps its meaning in all releases. An
error stops the deployment; a warning does not. A finding also has the place: line, column and a JSON pointer.

This page is written by a test: `UPDATE_DOCUMENTS=1 cargo test -p tests --test ship findings`.
";

const GROUPS: [(&str, &str); 5] = [
    ("SBX01", "The document"),
    ("SBX02", "Actions and their options"),
    ("SBX03", "Ways through the flow"),
    ("SBX04", "Expressions"),
    ("SBX05", "The flow's type and its subroutines"),
];

/// A part of a document for people, and what is found in the whole document.
struct Example {
    shown: String,
    findings: Vec<Finding>,
}

fn of(shown: &str, document: &str) -> Example {
    Example { shown: shown.to_owned(), findings: validate(document) }
}

/// A document with this part in it, instead of the usual one of that name.
fn part(shown: &str) -> Example {
    let part: Value = serde_json::from_str(&format!("{{{shown}}}")).unwrap();
    let mut document = json!({
        "schema": "signalbox.flow/v1", "name": "x", "trigger": { "event": "call.incoming" }, "actions": [],
    });
    let fields = document.as_object_mut().unwrap();
    for (key, value) in part.as_object().unwrap() {
        fields.insert(key.clone(), value.clone());
    }
    of(shown, &document.to_string())
}

/// The same of voipbin's form: without a schema.
fn foreign(shown: &str) -> Example {
    of(shown, &format!("{{\"name\":\"x\",\"actions\":[],{shown}}}"))
}

/// A flow of this trigger with these actions.
fn actions(trigger: &str, shown: &str) -> Example {
    let actions: Value = serde_json::from_str(&format!("[{shown}]")).unwrap();
    let document = json!({
        "schema": "signalbox.flow/v1", "name": "x", "trigger": { "event": trigger }, "actions": actions,
    });
    of(shown, &document.to_string())
}

fn call(shown: &str) -> Example {
    actions("call.incoming", shown)
}

/// A prompt with this text.
fn talk(text: &str) -> Example {
    let action = json!({ "id": "a", "type": "talk", "option": { "text": text } });
    Example { shown: text.to_owned(), ..call(&action.to_string()) }
}

/// A flow that calls `called`, among other flows that are deployed.
fn calling(called: &str, others: &[(&str, &str)]) -> Example {
    let flow = |name: &str, called: &str| {
        let option = json!({ "flow_id": called });
        json!({ "name": name, "actions": [{ "id": "a", "type": "subroutine", "option": option }] })
            .to_string()
    };
    let others: BTreeMap<String, String> =
        others.iter().map(|(name, called)| ((*name).to_owned(), flow(name, called))).collect();
    let findings = Bundle::compile(("main", &flow("main", called)), &others).err().unwrap_or_default();
    Example { shown: format!(r#""type": "subroutine", "option": {{ "flow_id": "{called}" }}"#), findings }
}

fn example(code: &str) -> Example {
    match code {
        "SBX0101" => of(r#"{ "actions": [ }"#, r#"{ "actions": [ }"#),
        "SBX0102" => of("a document of 3 MiB", &format!(r#"{{"name":"{}"}}"#, "x".repeat(3 << 20))),
        "SBX0103" => of(r#""name": "a", "name": "b""#, r#"{"name":"a","name":"b","actions":[]}"#),
        "SBX0104" => part(r#""schema": "signalbox.flow/v2""#),
        "SBX0105" => part(r#""actoins": []"#),
        "SBX0106" => foreign(r#""tm_create": "2023-01-01""#),
        "SBX0107" => part(r#""actions": 7"#),
        "SBX0108" => part(r#""trigger": { "event": "call.incomming" }"#),
        "SBX0109" => part(r#""variables": { "a-b": 1 }"#),
        "SBX0110" => of(r#"{ "actions": [] }"#, r#"{ "actions": [] }"#),
        "SBX0111" => Example { shown: "2,001 expressions".into(), ..call(&many_expressions()) },
        "SBX0201" => call(r#"{ "id": "a", "type": "tlak" }"#),
        "SBX0202" => call(r#"{ "id": "a", "type": "talk", "option": { "text": "Hi", "langauge": "en" } }"#),
        "SBX0203" => call(r#"{ "id": "a", "type": "talk", "option": { "text": 7 } }"#),
        "SBX0204" => call(r#"{ "id": "a", "type": "digits_receive", "option": { "length": 300 } }"#),
        "SBX0205" => call(r#"{ "type": "stop" }"#),
        "SBX0206" => call(r#"{ "id": "a", "type": "answer" }, { "id": "a", "type": "stop" }"#),
        "SBX0207" => call(r#"{ "id": "00000000-0000-0000-0000-000000000002", "type": "stop" }"#),
        "SBX0208" => {
            call(r#"{ "id": "a", "type": "talk", "option": { "text": "Hi", "language": "en_US" } }"#)
        }
        "SBX0209" => call(
            r#"{ "id": "a", "type": "subroutine", "option": { "flow_id": "hours", "results": { "open": "is_open" } } }"#,
        ),
        "SBX0301" => call(r#"{ "id": "a", "type": "answer", "next_id": "b" }"#),
        "SBX0302" => call(r#"{ "id": "a", "type": "stop" }, { "id": "b", "type": "answer" }"#),
        "SBX0303" => call(
            r#"{ "id": "a", "type": "answer" }, { "id": "b", "type": "goto", "option": { "target_id": "a" } }"#,
        ),
        "SBX0304" => call(
            r#"{ "id": "a", "type": "answer" }, { "id": "b", "type": "condition", "option": { "expression": "call.from == '1'", "false_target_id": "a" } }"#,
        ),
        "SBX0401" => talk("${call.from"),
        "SBX0402" => talk("${cal.from}"),
        "SBX0403" => of(
            "`${x}` in a flow without a trigger",
            r#"{"schema":"signalbox.flow/v1","name":"x","actions":[{"id":"a","type":"talk","option":{"text":"${x}"}}]}"#,
        ),
        "SBX0404" => Example { shown: "`${sim.iccid}` in a flow of calls".into(), ..talk("${sim.iccid}") },
        "SBX0405" => talk("${call.from | uper}"),
        "SBX0406" => talk("${call.form}"),
        "SBX0407" => talk("${call.digits == 1}"),
        "SBX0501" => actions("sim.usage", r#"{ "id": "a", "type": "talk", "option": { "text": "Hi" } }"#),
        "SBX0502" => part(r#""type": "chat", "trigger": { "event": "sim.usage" }"#),
        "SBX0503" => call(r#"{ "id": "a", "type": "message_receive" }"#),
        "SBX0504" => calling("opening-hour", &[("opening-hours", "opening-hours")]),
        "SBX0505" => calling("x", &[("x", "x")]),
        _ => Example { shown: String::new(), findings: Vec::new() },
    }
}

fn many_expressions() -> String {
    let one = |n| format!(r#"{{ "id": "{n}", "type": "branch", "option": {{ "variable": "call.from" }} }}"#);
    (0..2_001).map(one).collect::<Vec<_>>().join(",")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for (prefix, title) in GROUPS {
        let of_group = |code: &&&Code| code.code.starts_with(prefix);
        write!(page, "\n## {title}\n\n| code | | meaning | example | is answered by |\n| --- | --- | --- | --- | --- |\n").unwrap();
        for code in CODES.iter().filter(of_group) {
            page.push_str(&row(code));
        }
    }
    page
}

fn row(code: &Code) -> String {
    let Example { shown, findings } = example(code.code);
    let finding = findings.iter().find(|finding| finding.code == code.code);
    let finding = finding.unwrap_or_else(|| panic!("no example of {}: {findings:?}", code.code));
    assert_eq!(finding.severity, code.severity, "{}", code.code);
    let severity = match code.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let is_code = shown.starts_with(['{', '"', '$']);
    let shown = if is_code { format!("`{shown}`") } else { shown };
    let said = format!("{} {}", finding.what, finding.help);
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    format!("| `{}` | {severity} | {} | {} | {} |\n", code.code, code.title, cell(&shown), cell(said.trim()))
}

#[test]
fn the_page_of_findings_has_every_code_with_an_example_that_provokes_it() {
    let path = repository("docs/findings.md");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page(),
        "docs/findings.md is not what the code makes; write it: UPDATE_DOCUMENTS=1 cargo test -p tests --test ship findings"
    );
    assert_eq!(
        GROUPS
            .iter()
            .map(|(prefix, _)| CODES.iter().filter(|code| code.code.starts_with(prefix)).count())
            .sum::<usize>(),
        CODES.len()
    );
}
