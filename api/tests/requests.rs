//! Rules for every request: keys, problems, request ids, limits.

mod support;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use support::{ApiHarness, KEY, PLAIN_KEY, is_problem};

#[tokio::test]
async fn an_operation_requires_a_key_unless_it_is_open() {
    let harness = ApiHarness::new();
    for path in ["/", "/openapi.json"] {
        let answer = harness.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    let answer = harness.send(Request::get("/v1/status").body(Body::empty()).unwrap()).await;
    is_problem(&answer, 401, "unauthorized");
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(answer.json["instance"], "/v1/status");
    let answer = harness.send(Request::get("/v1/status?token=secret").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(harness.get("/v1/status").await.json["shards"], 16);
}

#[tokio::test]
async fn an_unknown_path_or_method_is_a_problem() {
    let harness = ApiHarness::new();
    is_problem(&harness.get("/v1/nothing").await, 404, "not_found");
    is_problem(&harness.get("/v1/activeflows/").await, 404, "not_found");
    let answer = harness.ask(KEY, "PATCH", "/v1/status", None).await;
    is_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    is_problem(&harness.ask(PLAIN_KEY, "GET", "/v1/events/rejected", None).await, 403, "forbidden");
    is_problem(
        &harness.ask(PLAIN_KEY, "POST", "/v1/events", Some(serde_json::json!({}))).await,
        403,
        "forbidden",
    );
}

#[tokio::test]
async fn an_unreadable_body_is_a_problem() {
    let harness = ApiHarness::new();
    is_problem(&harness.get("/v1/activeflows?page_size=none").await, 400, "invalid_query");
    is_problem(&harness.get("/v1/activeflows?page_size=201").await, 400, "invalid_query");
    is_problem(&harness.get("/v1/activeflows?state=asleep").await, 400, "invalid_query");
    is_problem(&harness.get("/v1/activeflows?page_token=x").await, 400, "invalid_query");
    for id in ["x", "%00", "%FF", "%F0%9F%98%80", "%2F", "..", "-1", &"9".repeat(5_000)] {
        let answer = harness.get(&format!("/v1/activeflows/{id}")).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{id}: {}", answer.text);
        is_problem(&answer, answer.status.as_u16(), answer.json["code"].as_str().unwrap());
    }
    let path = "/v1/events/rejected/replay";
    let body = |bytes: &[u8], kind: &str| {
        let request =
            Request::post(path).header("authorization", "Bearer secret").header("content-type", kind);
        harness.send(request.body(Body::from(bytes.to_vec())).unwrap())
    };
    let json = "application/json";
    is_problem(&body(b"{}", "text/plain").await, 415, "unsupported_media_type");
    for bytes in [&b"{"[..], b"", b"\xff\xfe", b"{\"ids\":[\"\\ud800\"]}", b"{\"all\":1e999}"] {
        is_problem(&body(bytes, json).await, 400, "malformed_json");
    }
    for bytes in [&b"{}"[..], b"[[\"a\"], false]", "[".repeat(5_000).as_bytes(), b"7", b"null"] {
        is_problem(&body(bytes, json).await, 422, "invalid_body");
    }
    let answer = body(b"{\"ids\":[\"a\",7]}", json).await;
    is_problem(&answer, 422, "invalid_body");
    assert_eq!(answer.json["errors"][0]["pointer"], "/ids/1");
    is_problem(&body(&vec![b' '; 70_000], json).await, 413, "oversize");
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made() {
    let harness = ApiHarness::new();
    let with = |id: &'static [u8]| {
        let request =
            Request::get("/").header("x-request-id", axum::http::HeaderValue::from_bytes(id).unwrap());
        harness.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(with(b"abc-1").await.headers["x-request-id"], "abc-1");
    assert_eq!(with(b"with blanks").await.headers["x-request-id"].len(), 36);
    assert_eq!(harness.get("/nothing").await.headers["x-request-id"].len(), 36);
}

#[tokio::test]
async fn rejected_events_are_listed_replayed_and_discarded() {
    use common::ports::rejects::Rejected;
    let harness = ApiHarness::new();
    let rejected = |id: &str, body: &[u8]| Rejected {
        id: format!("entry-{id}"),
        size: body.len(),
        reason: "missing_field".into(),
        message: "`source` is missing".into(),
        body: body.to_vec(),
        original: [("message_id".to_owned(), id.to_owned())].into(),
    };
    *harness.rejects.0.lock().unwrap() =
        vec![rejected("a", b"{\"id\":1}"), rejected("b", b"\xff"), rejected("c", b"")];
    let listed = harness.get("/v1/events/rejected?limit=2").await.json;
    assert_eq!(listed["result"].as_array().unwrap().len(), 2);
    assert_eq!((&listed["result"][0]["id"], &listed["result"][0]["bytes"]), (&json!("entry-a"), &json!(8)));
    assert_eq!(
        (&listed["result"][0]["body"], &listed["result"][1]["body"]),
        (&json!({"id": 1}), &json!("\u{fffd}"))
    );
    let count = async |what: &str, body| {
        harness.post(&format!("/v1/events/rejected/{what}"), body).await.json["count"].clone()
    };
    assert_eq!(count("replay", json!({"ids": ["entry-b", "x"]})).await, 1);
    assert_eq!(count("discard", json!({"all": true})).await, 2);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_timeout() {
    use std::io;
    let harness = ApiHarness::new();
    for path in ["/v1/events", "/v1/events/rejected/replay"] {
        let late = async { Err::<&'static str, _>(io::Error::new(io::ErrorKind::TimedOut, "late")) };
        let request = Request::post(path).header("authorization", "Bearer secret");
        let body = Body::from_stream(futures_util::stream::once(late));
        is_problem(&harness.send(request.body(body).unwrap()).await, 408, "request_timeout");
    }
}
