//! Flows and routes: deployed, refused with places, found by events.

mod support;

use serde_json::{Value, json};
use support::{ApiHarness, PLAIN_KEY, call, is_problem};

fn desk(text: &str) -> Value {
    json!({
        "schema": "signalbox.flow/v1", "name": "Desk", "type": "voice", "trigger": {"event": "call.incoming"},
        "actions": [{"id": "t", "type": "talk", "option": {"text": text, "language": "en-US"}}]
    })
}

#[tokio::test]
async fn a_document_is_deployed_once_and_routed() {
    let harness = ApiHarness::new();
    let body = json!({"document": desk("Hello"), "routes": [{"address": "call=+15550111"}]});
    let first = harness.post("/v1/flows", body.clone()).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json["flow"]["version"], 1);
    assert_eq!(first.json["flow"]["routes"], json!(["call=+15550111"]));
    assert_eq!(first.json["routes"], json!([{"address": "call=+15550111", "placed": "new", "before": null}]));
    assert_eq!((&first.json["unchanged"], &first.json["generation"]), (&json!(false), &json!(1)));
    let again = harness.post("/v1/flows", body).await.json;
    assert_eq!((&again["unchanged"], &again["generation"]), (&json!(true), &json!(1)));
    assert_eq!(again["routes"][0]["placed"], "unchanged");

    let other = harness.post("/v1/flows", json!({"document": desk("Goodbye").to_string()})).await.json;
    assert_eq!((&other["flow"]["version"], &other["is_new_version"]), (&json!(2), &json!(true)));
    let listed = harness.get("/v1/flows").await.json;
    assert_eq!((&listed["result"][0]["name"], &listed["generation"]), (&json!("Desk"), &json!(2)));
    assert_eq!(listed["result"][0].get("document"), None);
    for id in ["desk", listed["result"][0]["id"].as_str().unwrap()] {
        let one = harness.get(&format!("/v1/flows/{id}")).await.json;
        assert_eq!(one["document"]["actions"][0]["option"]["text"], "Goodbye");
    }
    is_problem(&harness.get("/v1/flows/Unknown").await, 404, "not_found");
    assert_eq!(harness.ask(PLAIN_KEY, "GET", "/v1/flows", None).await.json["result"], json!([]));
    assert_eq!(harness.ask(PLAIN_KEY, "GET", "/v1/flows/desk", None).await.status, 404);
}

#[tokio::test]
async fn errors_in_a_document_have_locations() {
    let harness = ApiHarness::new();
    let text = "{\n  \"schema\": \"signalbox.flow/v1\",\n  \"name\": \"Desk\",\n  \"actions\": [{\"id\": \"a\", \"type\": \"tlak\"}]\n}";
    let refused = harness.post("/v1/flows", json!({"document": text, "file": "desk.json"})).await;
    is_problem(&refused, 422, "invalid_flow");
    assert!(
        refused.json["detail"].as_str().unwrap().contains("desk.json was not deployed: 1 error"),
        "{}",
        refused.text
    );
    let part = &refused.json["errors"][0];
    assert_eq!(
        (&part["code"], &part["pointer"], &part["line"]),
        (&json!("SBX0201"), &json!("/actions/0/type"), &json!(4))
    );
    let as_json: Value = serde_json::from_str(text).unwrap();
    let refused = harness.post("/v1/flows", json!({"document": as_json})).await;
    assert_eq!(refused.json["errors"][0].get("line"), None);

    let found = harness.post("/v1/flows/validate", json!({"document": text})).await.json;
    assert_eq!(
        (&found["findings"][0]["severity"], &found["findings"][0]["line"]),
        (&json!("error"), &json!(4))
    );
    assert_eq!(
        harness.post("/v1/flows/validate", json!({"document": desk("x")})).await.json,
        json!({"findings": []})
    );

    let nameless = json!({"schema": "signalbox.flow/v1", "actions": []});
    is_problem(&harness.post("/v1/flows", json!({"document": nameless})).await, 422, "invalid_flow");
    let wrong = json!({"document": desk("x"), "routes": [{"address": "sms=+15550111"}]});
    is_problem(&harness.post("/v1/flows", wrong).await, 422, "invalid_route");
    is_problem(&harness.post("/v1/flows", json!({"document": 7})).await, 422, "invalid_body");
    assert_eq!(harness.get("/v1/status").await.json["generation"], 0);
}

#[tokio::test]
async fn a_route_is_set_moved_listed_and_deleted() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    let path = "/v1/routes/call%3D%2B15550112";
    let put = async |body| harness.ask(support::KEY, "PUT", path, Some(body)).await;
    let set = put(json!({"flow": "desk", "priority": 3})).await.json;
    assert_eq!(
        (&set["placed"], &set["address"], &set["generation"]),
        (&json!("new"), &json!("call=+15550112"), &json!(2))
    );
    assert_eq!(put(json!({"flow": "desk", "priority": 3})).await.json["placed"], "unchanged");
    assert_eq!(put(json!({"flow": "desk"})).await.json["before"], "Desk");
    is_problem(&put(json!({"flow": "unknown"})).await, 422, "invalid_route");
    is_problem(&put(json!({"flow": "desk", "active_from": "soon"})).await, 422, "invalid_body");
    is_problem(
        &harness.ask(support::KEY, "PUT", "/v1/routes/fax", Some(json!({"flow": "desk"}))).await,
        400,
        "invalid_path",
    );

    let first = harness.get("/v1/routes?page_size=1").await.json;
    assert_eq!(first["result"][0]["address"], "call=+15550111");
    let token = first["next_page_token"].as_str().unwrap();
    let second = harness.get(&format!("/v1/routes?page_token={token}")).await.json;
    assert_eq!(
        (&second["result"][0]["address"], &second["next_page_token"]),
        (&json!("call=+15550112"), &json!(""))
    );
    assert_eq!(second["result"].as_array().unwrap().len(), 1);

    assert_eq!(harness.ask(support::KEY, "DELETE", path, None).await.json["deleted"], 1);
    is_problem(&harness.ask(support::KEY, "DELETE", path, None).await, 404, "not_found");
}

#[tokio::test]
async fn an_event_is_addressed_by_what_was_deployed_elsewhere_meanwhile() {
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([])).await;
    assert_eq!(harness.post("/v1/events", call("1", "call-1")).await.json["outcome"], "applied");
    // Another process publishes: this one finds out from the store.
    let elsewhere = harness.beside();
    assert_eq!(
        elsewhere.ask(support::KEY, "DELETE", "/v1/routes/call%3D%2B15550111", None).await.status,
        200
    );
    let mut unmatched = call("2", "call-2");
    unmatched["time"] = json!("2026-11-22T05:00:01Z");
    assert_eq!(harness.post("/v1/events", unmatched).await.json["outcome"], "unmatched");
}
