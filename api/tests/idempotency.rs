//! Control requests with an `Idempotency-Key` take effect once.

mod support;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use support::{Answer, ApiHarness, KEY, is_problem};

/// A flow that waits three times.
async fn waiting(harness: &ApiHarness) -> String {
    let wait =
        |id: &str| json!({"id": id, "type": "digits_receive", "option": {"length": 1, "duration": 600_000}});
    harness.deploy_desk(json!([wait("first"), wait("second"), wait("third")])).await;
    let id = harness.call("call-1").await;
    harness.settle().await;
    id
}

async fn at(harness: &ApiHarness, id: &str) -> Value {
    harness.get(&format!("/v1/activeflows/{id}")).await.json["current_action"]["id"].clone()
}

fn is_accepted(answer: &Answer, replayed: bool) {
    assert_eq!(answer.status, 202, "{}", answer.text);
    let header = answer.headers.get("idempotency-replayed").map(|value| value.as_bytes());
    assert_eq!(header, replayed.then_some(b"true".as_slice()));
}

#[tokio::test]
async fn a_request_that_is_sent_again_continues_once_whatever_process_it_reaches() {
    let harness = ApiHarness::new();
    let id = waiting(&harness).await;
    let path = format!("/v1/activeflows/{id}/continue");
    is_accepted(&harness.once("k-1", &path).await, false);
    harness.settle().await;
    let beside = harness.beside();
    for again in ["k-1", "\"k-1\""] {
        is_accepted(&beside.once(again, &path).await, true);
        harness.settle().await;
        assert_eq!(at(&harness, &id).await, "second");
    }
    is_accepted(&harness.once("k-2", &path).await, false);
    harness.settle().await;
    assert_eq!(at(&harness, &id).await, "third");
    is_accepted(&harness.once_as("operate", "k-1", &path, Value::Null).await, false);
    harness.settle().await;
    is_accepted(&harness.once("k-2", &path).await, true);
    is_problem(&harness.once("k-3", &path).await, 409, "conflict");
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_and_changes_nothing() {
    let harness = ApiHarness::new();
    let id = waiting(&harness).await;
    let path = |what: &str| format!("/v1/activeflows/{id}/{what}");
    let forward =
        async |action: &str| harness.once_as(KEY, "k", &path("forward"), json!({"action_id": action})).await;
    is_accepted(&forward("third").await, false);
    is_problem(&forward("second").await, 422, "idempotency_key_reused");
    for other in ["pause", "continue", "stop"] {
        is_problem(&harness.once("k", &path(other)).await, 422, "idempotency_key_reused");
    }
    harness.settle().await;
    assert_eq!(at(&harness, &id).await, "third");
    is_accepted(&forward("third").await, true);
}

/// What the first request led to would refuse the second.
#[tokio::test]
async fn a_repeat_is_answered_as_the_first_although_it_would_be_refused_now() {
    let harness = ApiHarness::new();
    let id = waiting(&harness).await;
    let path = |what: &str| format!("/v1/activeflows/{id}/{what}");
    is_problem(&harness.once("r", &path("resume")).await, 409, "conflict");
    is_accepted(&harness.once("p", &path("pause")).await, false);
    harness.settle().await;
    is_accepted(&harness.once("r", &path("resume")).await, false);
    harness.settle().await;
    is_accepted(&harness.once("r", &path("resume")).await, true);
    is_accepted(&harness.once("p", &path("pause")).await, true);
    harness.settle().await;
    assert_eq!(harness.get(&format!("/v1/activeflows/{id}")).await.json["state"], "waiting");

    let forward = json!({"action_id": "00000000-0000-0000-0000-000000000000"});
    is_accepted(&harness.once_as(KEY, "f", &path("forward"), forward.clone()).await, false);
    harness.settle().await;
    is_accepted(&harness.once_as(KEY, "f", &path("forward"), forward).await, true);
    let stopped = harness.once("s", &path("stop")).await;
    assert_eq!((stopped.status.as_u16(), &stopped.json["state"]), (200, &json!("ended")));
}

#[tokio::test]
async fn a_key_that_is_no_key_is_refused() {
    let harness = ApiHarness::new();
    let id = waiting(&harness).await;
    let path = format!("/v1/activeflows/{id}/continue");
    for key in ["", "two words", &"k".repeat(129)] {
        is_problem(&harness.once(key, &path).await, 400, "invalid_idempotency_key");
    }
    let request = Request::post(&path).header("authorization", format!("Bearer {KEY}"));
    let request = request.header("idempotency-key", "a").header("idempotency-key", "b");
    is_problem(&harness.send(request.body(Body::empty()).unwrap()).await, 400, "invalid_idempotency_key");
    harness.settle().await;
    assert_eq!(at(&harness, &id).await, "first");
}
