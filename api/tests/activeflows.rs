//! Activeflows: shown, listed page by page, asked for something; what they did and what may follow.

mod support;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{ApiHarness, KEY, PLAIN_KEY, SECOND, call, event, ids, is_at, is_problem};

/// The id that means "none".
const NIL: &str = "00000000-0000-0000-0000-000000000000";

fn menu() -> Value {
    json!([
        {"id": "hello", "type": "talk", "option": {"text": "Hello", "language": "en-US"}},
        {"id": "menu", "type": "digits_receive", "option": {"length": 1, "duration": 5000}},
        {"id": "choose", "type": "branch", "option": {"target_ids": {"1": "sales"}}},
        {"id": "bye", "type": "hangup"},
        {"id": "sales", "type": "sleep", "option": {"duration": 1000}}
    ])
}

async fn at_the_menu(harness: &ApiHarness) -> String {
    harness.deploy_desk(menu()).await;
    let id = harness.call("call-1").await;
    harness.settle().await;
    // The gateway says that it has spoken.
    let done =
        event("done", "command.completed", "call-1", json!({"command_id": format!("{id}:1"), "result": {}}));
    harness.post("/v1/events", done).await;
    harness.settle().await;
    id
}

#[tokio::test]
async fn one_shows_where_it_stands_and_what_it_waits_for() {
    let harness = ApiHarness::new();
    let id = at_the_menu(&harness).await;
    let one = harness.get(&format!("/v1/activeflows/{id}")).await.json;
    assert_eq!(
        (&one["state"], &one["status"], &one["end_reason"]),
        (&json!("waiting"), &json!("running"), &json!(null))
    );
    let action = json!({"id": "menu", "next_id": "choose", "type": "digits_receive", "option": {"length": 1, "duration": 5000}});
    assert_eq!(one["current_action"], action);
    assert_eq!(one["waiting_for"], json!(["call.digits", "timer"]));
    assert!(is_at(&one["waiting_until"], "2026-11-22T05:00:05."), "{one}");
    assert_eq!(
        (&one["flow_name"], &one["flow_version"], &one["attempts"]),
        (&json!("Desk"), &json!(1), &json!(0))
    );
    assert_eq!(one["variables"]["call"]["from"], "+15550100", "{one}");
    assert_eq!(one["tm_delete"], "9999-01-01T00:00:00.000000Z");
    assert_eq!(harness.get("/v1/activeflows").await.json["result"][0].get("variables"), None);
    assert_eq!(harness.ask(PLAIN_KEY, "GET", &format!("/v1/activeflows/{id}"), None).await.status, 404);
    let elsewhere = format!("/v1/activeflows?customer_id={}", support::OTHER_CUSTOMER);
    assert_eq!(harness.get(&elsewhere).await.json["result"], json!([]));
}

#[tokio::test]
async fn the_completed_and_the_possible_actions_are_listed() {
    let harness = ApiHarness::new();
    let id = at_the_menu(&harness).await;
    let path = format!("/v1/activeflows/{id}/actions");
    let actions = harness.get(&path).await.json;
    assert_eq!(ids(&actions["completed"]), [("hello".to_owned(), false)]);
    assert_eq!(actions["completed"][0]["inputs"], json!({"text": "Hello", "language": "en-US"}));
    assert_eq!(
        (&actions["completed"][0]["outcome"], &actions["current"]["id"]),
        (&json!("completed"), &json!("menu"))
    );
    let pending = [("choose".to_owned(), false), ("bye".to_owned(), true), ("sales".to_owned(), true)];
    assert_eq!(ids(&actions["pending"]), pending);

    harness.time.advance(SECOND);
    harness.post("/v1/events", event("d", "call.digits", "call-1", json!({"digits": "1"}))).await;
    harness.settle().await;
    let actions = harness.get(&path).await.json;
    let completed: Vec<&Value> =
        actions["completed"].as_array().unwrap().iter().map(|done| &done["id"]).collect();
    assert_eq!(completed, ["hello", "menu", "choose"]);
    let menu = &actions["completed"][1];
    assert_eq!((&menu["outputs"]["digits"], &menu["inputs"]["length"]), (&json!("1"), &json!(1)));
    assert!(is_at(&menu["started_at"], "2026-11-22T05:00:00."), "{menu}");
    assert!(is_at(&menu["ended_at"], "2026-11-22T05:00:01."), "{menu}");
    assert_eq!((&actions["current"]["id"], &actions["pending"]), (&json!("sales"), &json!([])));

    harness.post("/v1/events", event("h", "call.hangup", "call-1", json!({}))).await;
    harness.settle().await;
    let actions = harness.get(&path).await.json;
    assert_eq!(
        (&actions["current"], &actions["completed"][3]["outcome"]),
        (&json!(null), &json!("interrupted"))
    );
    let journal = harness.get(&format!("/v1/activeflows/{id}/journal")).await.json;
    let last = journal["result"].as_array().unwrap().last().unwrap();
    assert_eq!(last["notes"].as_array().unwrap().last().unwrap()["what"], "ended");
}

#[tokio::test]
async fn before_its_first_step_everything_lies_ahead() {
    let harness = ApiHarness::new();
    harness.deploy_desk(menu()).await;
    let id = harness.call("call-1").await;
    let actions = harness.get(&format!("/v1/activeflows/{id}/actions")).await.json;
    assert_eq!((&actions["completed"], &actions["current"]["id"]), (&json!([]), &json!("hello")));
    assert_eq!(actions["pending"].as_array().unwrap().len(), 4);
    let one = harness.get(&format!("/v1/activeflows/{id}")).await.json;
    let nil = NIL;
    assert_eq!(one["current_action"], json!({"id": nil, "next_id": nil, "type": "", "option": {}}));
    assert_eq!((&one["state"], &one["variables"]), (&json!("ready"), &json!({})));
}

#[tokio::test]
async fn pages_skip_nothing_and_show_nothing_twice_whatever_starts_meanwhile() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    let mut all = BTreeSet::new();
    for n in 0..23 {
        all.insert(harness.call(&format!("call-{n}")).await);
        if n % 4 == 0 {
            harness.time.advance(SECOND);
        }
    }
    let mut seen: Vec<String> = Vec::new();
    let mut token = String::new();
    loop {
        let page = harness.get(&format!("/v1/activeflows?page_size=5&page_token={token}")).await.json;
        let result = page["result"].as_array().unwrap();
        assert!(result.len() <= 5);
        seen.extend(result.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        harness.call(&format!("meanwhile-{}", seen.len())).await;
        token = page["next_page_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen.len(), 23);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn filters_go_over_pages() {
    let harness = ApiHarness::new();
    at_the_menu(&harness).await;
    for n in 0..30 {
        harness.post("/v1/events", call(&format!("x{n}"), &format!("other-{n}"))).await;
    }
    let found = async |query: &str| {
        let page = harness.get(&format!("/v1/activeflows?{query}")).await.json;
        page["result"].as_array().unwrap().len()
    };
    assert_eq!(found("reference_id=call-1&page_size=1").await, 1);
    assert_eq!(found("state=waiting").await, 1);
    assert_eq!(found("state=ready").await, 30);
    assert_eq!(found("status=running").await, 31);
    assert_eq!(found("status=ended").await, 0);
    assert_eq!(found("reference_type=sms").await, 0);
    assert_eq!(found("reference_type=call&reference_id=other-3").await, 1);
    let flow = harness.get("/v1/flows/desk").await.json["id"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("flow_id={flow}&page_size=200")).await, 31);
}

#[tokio::test]
async fn one_is_paused_resumed_continued_forwarded_and_stopped() {
    let harness = ApiHarness::new();
    let id = at_the_menu(&harness).await;
    let ask = async |what: &str, body| {
        let answer = harness.ask(KEY, "POST", &format!("/v1/activeflows/{id}/{what}"), body).await;
        (answer.status.as_u16(), answer)
    };
    let state = async || harness.get(&format!("/v1/activeflows/{id}")).await.json;
    is_problem(&ask("resume", None).await.1, 409, "conflict");
    is_problem(&ask("retry", None).await.1, 409, "conflict");
    assert_eq!(ask("pause", None).await.0, 202);
    harness.settle().await;
    assert_eq!(state().await["state"], "paused");
    assert_eq!(ask("resume", None).await.0, 202);
    harness.settle().await;
    assert_eq!(state().await["current_action"]["id"], "menu");

    let (status, answer) = ask("forward", Some(json!({"action_id": "nowhere"}))).await;
    is_problem(&answer, 422, "unknown_action");
    assert!(status == 422 && answer.text.contains("hello, menu, choose, bye, sales"), "{}", answer.text);
    is_problem(&ask("forward", Some(json!({}))).await.1, 422, "invalid_body");
    let (status, answer) = ask("forward", Some(json!({"action_id": "menu"}))).await;
    assert_eq!((status, &answer.json["forward_action_id"]), (202, &json!("menu")));
    harness.settle().await;
    assert_eq!(state().await["forward_action_id"], NIL);
    for _ in ["menu", "sales"] {
        assert_eq!(ask("continue", None).await.0, 202);
        harness.settle().await;
    }
    let ended = state().await;
    assert_eq!((&ended["state"], &ended["end_reason"]), (&json!("ended"), &json!("finished")));

    for what in ["pause", "resume", "retry", "continue"] {
        is_problem(&ask(what, None).await.1, 409, "conflict");
    }
    let (status, answer) = ask("stop", None).await;
    assert_eq!((status, answer.json), (200, ended));
    let unknown =
        harness.ask(KEY, "POST", "/v1/activeflows/00000000-0000-0000-0000-000000000009/stop", None).await;
    is_problem(&unknown, 404, "not_found");
}

#[tokio::test]
async fn stop_waits_for_the_end_or_says_that_it_was_asked_for() {
    let harness = ApiHarness::new();
    let id = at_the_menu(&harness).await;
    let path = format!("/v1/activeflows/{id}/stop");
    assert_eq!(harness.ask(PLAIN_KEY, "POST", &path, None).await.status, 404);
    let (stopped, ()) = tokio::join!(harness.ask(KEY, "POST", &path, None), harness.settle());
    assert_eq!((stopped.status.as_u16(), &stopped.json["end_reason"]), (200, &json!("stopped")));
    let waits = harness.call("call-2").await;
    let asked = harness.ask(KEY, "POST", &format!("/v1/activeflows/{waits}/stop"), None).await;
    assert_eq!((asked.status.as_u16(), &asked.json["state"]), (202, &json!("ready")));
}

#[tokio::test]
async fn an_action_that_failed_is_shown_also_where_the_flow_went_on() {
    let harness = ApiHarness::new();
    let actions = json!([
        {"id": "sum", "type": "variable_set", "option": {"key": "x", "value": "${1 / 0}"}, "on_error": "continue"},
        {"id": "wait", "type": "sleep", "option": {"duration": 1000}}
    ]);
    harness.deploy_desk(actions).await;
    let id = harness.call("call-1").await;
    harness.settle().await;
    let one = harness.get(&format!("/v1/activeflows/{id}")).await.json;
    assert_eq!((&one["state"], &one["failed_actions"]), (&json!("waiting"), &json!(1)), "{one}");
    assert_eq!((&one["last_failure"]["action_id"], &one["error"]), (&json!("sum"), &json!(null)), "{one}");
    let listed = async |query: &str| {
        let page = harness.get(&format!("/v1/activeflows?{query}")).await.json;
        page["result"].as_array().unwrap().len()
    };
    assert_eq!((listed("failed=true").await, listed("failed=false").await, listed("").await), (1, 0, 1));
}
