//! `/v1.0` beside the documented example (`compat_v1_0.json`): the same keys in the same order, the same forms.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{ApiHarness, KEY, SECOND, is_problem};

const EXAMPLE: &str = include_str!("compat_v1_0.json");

/// A flow whose ids are UUIDs, as in the example; a call whose id is none.
fn menu() -> Value {
    json!([{"id": "93ebcadb-ecae-4291-8d49-ca81a926b8b3", "type": "digits_receive", "option": {"length": 1, "duration": 5000}}])
}

/// Pointers and values, in the order in which the text has them.
fn leaves(text: &str) -> Vec<(String, String)> {
    let mut path: Vec<String> = Vec::new();
    let mut leaves = Vec::new();
    for line in text.lines().map(str::trim) {
        let line = line.trim_end_matches(',');
        let (key, value) =
            line.split_once(": ").map_or(("", line), |(key, value)| (key.trim_matches('"'), value));
        match value {
            "{" | "[" => path.push(key.to_owned()),
            "}" | "]" => drop(path.pop()),
            value => leaves.push((format!("{}/{key}", path.join("/")), value.to_owned())),
        }
    }
    leaves
}

/// The format of a value.
fn form(value: &str) -> &'static str {
    let text = value.trim_matches('"');
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    match () {
        () if shape == "9999-99-99 99:99:99.999999" => "a time",
        () if text.len() == 36 && text.matches('-').count() == 4 && uuid::Uuid::parse_str(text).is_ok() => {
            "a UUID"
        }
        () if value.starts_with('"') => "a word",
        () if value.parse::<u64>().is_ok() => "a number",
        () => "something else",
    }
}

#[tokio::test]
async fn a_page_has_the_keys_and_forms_of_the_documented_example_in_its_order() {
    let harness = ApiHarness::new();
    harness.deploy_desk(menu()).await;
    for n in 0..2 {
        harness.call(&format!("call-{n}")).await;
        harness.time.advance(SECOND);
    }
    harness.settle().await;
    let request = axum::http::Request::get(format!("/v1.0/activeflows?page_size=1&token={KEY}"));
    let answer = harness.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    // Written as the example is: one value a line, keys as they come.
    let pretty = indented(&answer.text);
    let (ours, theirs) = (leaves(&pretty), leaves(EXAMPLE));
    let keys = |leaves: &[(String, String)]| leaves.iter().map(|leaf| leaf.0.clone()).collect::<Vec<_>>();
    // The document's own options keep the order of their names only.
    let sorted = |mut keys: Vec<String>| {
        if let Some(at) = keys.iter().position(|key| key.contains("/option/")) {
            keys[at..at + 2].sort();
        }
        keys
    };
    assert_eq!(sorted(keys(&ours)), sorted(keys(&theirs)), "{pretty}");
    for (key, theirs) in &theirs {
        let ours = &ours.iter().find(|leaf| leaf.0 == *key).unwrap().1;
        assert_eq!(form(ours), form(theirs), "{key}: {ours} beside {theirs}");
        if key.ends_with("tm_delete")
            || key.ends_with("/type")
            || key.ends_with("forward_action_id")
            || key.contains("/option/")
        {
            assert_eq!(ours, theirs, "{key}");
        }
    }
    let one = &answer.json["result"][0];
    assert_eq!((&one["status"], &one["reference_type"]), (&json!("running"), &json!("call")));
    assert_eq!(one["tm_create"], "2026-11-22 05:00:01.012345");
    assert_eq!(answer.json["next_page_token"], "2026-11-22 05:00:01.012345");
}

#[tokio::test]
async fn pages_follow_one_another_by_time_and_none_is_lost_when_times_are_the_same() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    for n in 0..7 {
        harness.call(&format!("call-{n}")).await;
        // Three at one moment, then four at another.
        if n == 2 {
            harness.time.advance(Duration::from_micros(1));
        }
    }
    let first = harness.get("/v1.0/activeflows?page_size=2").await.json;
    assert_eq!(first["result"].as_array().unwrap().len(), 4);
    let token = first["next_page_token"].as_str().unwrap().replace(' ', "%20");
    let second = harness.get(&format!("/v1.0/activeflows?page_size=2&page_token={token}")).await.json;
    assert_eq!((second["result"].as_array().unwrap().len(), &second["next_page_token"]), (3, &json!("")));
    is_problem(&harness.get("/v1.0/activeflows?page_token=x").await, 400, "invalid_query");
}

#[tokio::test]
async fn an_activeflow_is_returned_and_stopped_in_the_same_form() {
    let harness = ApiHarness::new();
    harness.deploy_desk(menu()).await;
    let id = harness.call("call-1").await;
    harness.settle().await;
    let shown = harness.get(&format!("/v1.0/activeflows/{id}")).await.json;
    assert_eq!(shown["reference_id"], common::identity::uuid_of("call-1").to_string());
    assert_eq!(shown["current_action"]["type"], "digits_receive");
    let path = format!("/v1.0/activeflows/{id}/stop");
    let (stopped, ()) = tokio::join!(harness.ask(KEY, "POST", &path, None), harness.settle());
    assert_eq!((stopped.status.as_u16(), &stopped.json["status"]), (200, &json!("ended")));
    assert_eq!(stopped.json["current_action"], shown["current_action"]);
    assert_eq!(harness.ask(KEY, "POST", &path, None).await.json, stopped.json);
    is_problem(
        &harness.get("/v1.0/activeflows/00000000-0000-0000-0000-000000000009").await,
        404,
        "not_found",
    );
}

/// One value a line, without touching the order of keys (a parsed value would sort them).
fn indented(text: &str) -> String {
    let mut out = String::new();
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        match c {
            '{' | '[' | ',' if !quoted => out.extend([c, '\n']),
            '}' | ']' if !quoted => out.extend(['\n', c]),
            ':' if !quoted => out.push_str(": "),
            c => out.push(c),
        }
    }
    out
}
