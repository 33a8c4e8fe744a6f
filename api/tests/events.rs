//! Events: what each kind of answer looks like, one by one and in arrays.

mod support;

use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use support::{ApiHarness, call, event, is_problem};

#[tokio::test]
async fn an_event_is_applied_once() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([{"id": "s", "type": "sleep", "option": {"duration": 60000}}])).await;
    let first = harness.post("/v1/events", call("1", "call-1")).await.json;
    let id = first["activeflow_id"].clone();
    assert_eq!(
        first,
        json!({"id": "1", "source": "sbc-1.example", "outcome": "applied", "activeflow_id": id, "started": [id]})
    );
    assert!(id.is_string());
    let again = harness.post("/v1/events", call("1", "call-1")).await.json;
    assert_eq!(
        (&again["outcome"], &again["activeflow_id"], &again["started"]),
        (&json!("duplicate"), &json!(null), &json!([]))
    );
    let heard = harness
        .post("/v1/events", event("2", "call.hangup", "call-1", json!({"reason": "normal"})))
        .await
        .json;
    assert_eq!(
        (&heard["outcome"], &heard["activeflow_id"], &heard["started"]),
        (&json!("applied"), &id, &json!([]))
    );
    let unmatched = harness.post("/v1/events", event("3", "call.hangup", "call-9", json!({}))).await.json;
    assert_eq!(unmatched["outcome"], "unmatched");
    let late = json!({"command_id": "fe666626-404e-8cda-8f91-548226f0eb5a:1"});
    let late = harness.post("/v1/events", event("4", "command.completed", "call-1", late)).await;
    assert_eq!(late.json["outcome"], "late", "{}", late.text);
}

#[tokio::test]
async fn an_event_that_cannot_be_used_says_why() {
    let harness = ApiHarness::new();
    let refused = async |body: Value| harness.post("/v1/events", body).await;
    is_problem(&refused(json!({"specversion": "1.0"})).await, 422, "missing_field");
    is_problem(&refused(event("1", "call.incoming", "c", json!({}))).await, 422, "unaddressable");
    let mistyped = refused(event("1", "cal.incoming", "c", json!({}))).await;
    is_problem(&mistyped, 422, "unaddressable");
    let detail = mistyped.json["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean `call.incoming`?"), "{detail}");
    is_problem(&refused(json!("text")).await, 422, "wrong_type");
    is_problem(&harness.send_as("application/json", "{").await, 422, "malformed_json");
    is_problem(&harness.send_as("application/json", "").await, 422, "malformed_json");
    is_problem(&harness.send_as("application/json", "{\"id\":\"\\ud800\"}").await, 422, "missing_field");
    is_problem(&harness.send_as("text/plain", "{}").await, 415, "unsupported_media_type");
    is_problem(
        &refused(event("1", "call.incoming", "c", json!({"x": "x".repeat(70_000)}))).await,
        413,
        "oversize",
    );
    is_problem(&harness.send_as("application/json", "[".repeat(100_000)).await, 422, "malformed_json");
    is_problem(&harness.send_as("application/json", vec![b' '; 7_000_000]).await, 413, "oversize");
}

#[tokio::test]
async fn an_array_is_answered_one_by_one_in_its_order() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    let batch =
        json!([call("1", "call-1"), {"specversion": "1.0"}, call("2", "call-2"), call("1", "call-1")]);
    let answer = harness.post("/v1/events", batch.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let outcomes: Vec<&Value> = answer.json.as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, [&json!("applied"), &json!(null), &json!("applied"), &json!("duplicate")]);
    let problem = &answer.json[1]["problem"];
    assert_eq!((&problem["code"], &problem["instance"]), (&json!("missing_field"), &json!("/v1/events")));
    let batched = harness.send_as("application/cloudevents-batch+json", batch.to_string()).await;
    assert_eq!(batched.json[2]["outcome"], "duplicate");
    assert_eq!(
        harness.send_as("application/cloudevents-batch+json; charset=utf-8", "[]").await.json,
        json!([])
    );
    is_problem(&harness.send_as("application/cloudevents+json", batch.to_string()).await, 422, "wrong_type");
    is_problem(&harness.post("/v1/events", json!(vec![1; 101])).await, 422, "too_many");
}

#[tokio::test]
async fn the_events_of_a_request_arrive_at_one_time() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    let reads = || harness.clock_reads.load(Ordering::SeqCst);
    let before = reads();
    harness.post("/v1/events", json!([call("1", "call-1"), call("2", "call-2"), call("3", "call-3")])).await;
    assert_eq!(reads() - before, 1, "three events, one question for the time");
    harness.post("/v1/events", call("4", "call-4")).await;
    assert_eq!(reads() - before, 2);
    harness.post("/v1/events", json!([{ "specversion": "1.0" }])).await;
    assert_eq!(reads() - before, 2, "a malformed event needs no time");
}

#[tokio::test]
async fn a_full_inbox_asks_to_come_back() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([{"id": "d", "type": "digits_receive"}])).await;
    harness.call("call-1").await;
    let mut full = None;
    for n in 0..2_000 {
        let answer = harness
            .post("/v1/events", event(&format!("d{n}"), "call.digits", "call-1", json!({"digits": "1"})))
            .await;
        if answer.status != 200 {
            full = Some(answer);
            break;
        }
    }
    let full = full.unwrap();
    is_problem(&full, 429, "inbox_full");
    assert_eq!(full.headers["retry-after"], "1");
}
