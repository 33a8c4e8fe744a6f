//! Who may do what, and which requests are refused.

mod support;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use support::{ApiHarness, KEY, PLAIN_KEY, is_problem};

const UNKNOWN: &str = "8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f";

#[tokio::test]
async fn every_operation_checks_the_role_of_the_key() {
    let harness = ApiHarness::new();
    let document: Value = serde_json::from_str(api::openapi()).unwrap();
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(needed) = operation["x-required-role"].as_str() else {
                assert!(operation.get("security").is_none(), "{method} {path}");
                continue;
            };
            let rank = |role: &str| ["read", "operate", "admin"].iter().position(|one| *one == role).unwrap();
            for (key, role) in [("read", "read"), ("operate", "operate"), (KEY, "admin")] {
                let path = path.replace("{id}", UNKNOWN).replace("{address}", "call=+1");
                let request = Request::builder()
                    .method(method.to_uppercase().as_str())
                    .uri(&path)
                    .header("authorization", format!("Bearer {key}"))
                    .body(Body::empty())
                    .unwrap();
                let status = harness.status(request).await;
                let place = format!("{method} {path} with the role {role}");
                assert_eq!(status == 403, rank(role) < rank(needed), "{place}: {status}");
                assert!(status != 401, "{place}");
                refused += usize::from(status == 403);
            }
        }
    }
    assert!(refused > 15, "{refused}");
}

#[tokio::test]
async fn a_refusal_names_the_key_and_the_role() {
    let harness = ApiHarness::new();
    let answer = harness.ask("read", "DELETE", "/v1/routes/call=+1", None).await;
    is_problem(&answer, 403, "forbidden");
    let detail = answer.json["detail"].as_str().unwrap();
    for part in ["DELETE /v1/routes/{address}", "`admin`", "`the-read-key`", "`read`", "api.keys"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    let answer = harness.ask(PLAIN_KEY, "GET", "/v1/events/rejected", None).await;
    is_problem(&answer, 403, "forbidden");
    assert!(answer.json["detail"].as_str().unwrap().contains("whole installation"));
}

#[tokio::test]
async fn the_resources_of_another_customer_are_not_found() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([{"id": "pick-up", "type": "answer"}, {"id": "wait", "type": "sleep", "option": {"duration": 60000}}])).await;
    let id = harness.call("call-1").await;
    let flow = harness.get("/v1/flows/Desk").await.json["id"].as_str().unwrap().to_owned();
    for path in ["", "/actions", "/journal"] {
        let answer = harness.ask(PLAIN_KEY, "GET", &format!("/v1/activeflows/{id}{path}"), None).await;
        is_problem(&answer, 404, "not_found");
    }
    for what in ["pause", "resume", "retry", "continue", "stop"] {
        let answer = harness.ask(PLAIN_KEY, "POST", &format!("/v1/activeflows/{id}/{what}"), None).await;
        is_problem(&answer, 404, "not_found");
    }
    let body = Some(json!({"action_id": "wait"}));
    is_problem(
        &harness.ask(PLAIN_KEY, "POST", &format!("/v1/activeflows/{id}/forward"), body).await,
        404,
        "not_found",
    );
    is_problem(
        &harness.ask(PLAIN_KEY, "GET", &format!("/v1.0/activeflows/{id}"), None).await,
        404,
        "not_found",
    );
    is_problem(
        &harness.ask(PLAIN_KEY, "POST", &format!("/v1.0/activeflows/{id}/stop"), None).await,
        404,
        "not_found",
    );
    for name in [flow.as_str(), "Desk"] {
        is_problem(
            &harness.ask(PLAIN_KEY, "GET", &format!("/v1/flows/{name}"), None).await,
            404,
            "not_found",
        );
    }
    is_problem(
        &harness.ask(PLAIN_KEY, "DELETE", "/v1/routes/call=%2B15550111", None).await,
        404,
        "not_found",
    );
    for list in ["/v1/activeflows", "/v1.0/activeflows", "/v1/flows", "/v1/routes"] {
        let answer = harness.ask(PLAIN_KEY, "GET", list, None).await;
        assert_eq!(answer.json["result"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_request_to_another_host_is_refused() {
    let harness = ApiHarness::new();
    let to = |host: &'static str| {
        let request =
            Request::get("/v1/status").header("host", host).header("authorization", "Bearer secret");
        harness.send(request.body(Body::empty()).unwrap())
    };
    for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "signalbox"] {
        assert_eq!(to(host).await.status, 200, "{host}");
    }
    let answer = to("evil.example").await;
    is_problem(&answer, 421, "unknown_host");
    assert!(answer.json["detail"].as_str().unwrap().contains("api.hosts"));
}

#[tokio::test]
async fn an_answer_is_neither_guessed_nor_stored() {
    let harness = ApiHarness::new();
    let open = harness.send(Request::get("/").body(Body::empty()).unwrap()).await;
    for answer in [open, harness.get("/v1/status").await, harness.get("/nowhere").await] {
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let harness = ApiHarness::new();
    for path in ["/v1/events", "/v1/flows", "/v1/events/rejected/replay"] {
        let with = |encoding: &'static str| {
            let request = Request::post(path).header("authorization", "Bearer secret");
            let request =
                request.header("content-type", "application/json").header("content-encoding", encoding);
            harness.send(request.body(Body::from("{}")).unwrap())
        };
        for encoding in ["gzip", "br", "identity, gzip"] {
            let answer = with(encoding).await;
            is_problem(&answer, 415, "unsupported_encoding");
            assert!(answer.json["detail"].as_str().unwrap().contains(encoding));
        }
        assert_ne!(with("identity").await.status, 415);
    }
}
