//! The audit log. Alone in its executable: a test that logs without a subscriber would switch the lines off for this one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::{ApiHarness, is_problem};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The lines with the target `audit` since the last call.
    fn take(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == "audit").map(|line| line["fields"].clone()).collect()
    }
}

#[tokio::test]
async fn a_change_leaves_a_line_in_the_audit_log() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let harness = ApiHarness::new();
    harness.deploy_desk(json!([{"id": "pick-up", "type": "answer"}])).await;
    let deployed = lines.take();
    let [deployed] = &deployed[..] else { panic!("one line for a deployment: {deployed:?}") };
    assert_eq!((&deployed["key"], &deployed["status"]), (&json!("the-secret-key"), &json!(200)));
    assert!(deployed["resource"].as_str().unwrap().contains("Desk"), "{deployed}");

    let id = harness.call("call-1").await;
    harness.get("/v1/status").await;
    assert_eq!(lines.take(), Vec::<Value>::new(), "events and questions are no changes");

    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let path = format!("/v1/activeflows/{id}/pause");
    let ask = |key: &str| {
        let request = Request::post(&path).header("authorization", format!("Bearer {key}"));
        let request = request.extension(ConnectInfo(peer)).header("x-request-id", "abc-1");
        harness.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask("operate").await.status, 202);
    assert_eq!(ask("read").await.status, 403);
    let asked = lines.take();
    let fields =
        |line: &Value| ["key", "peer", "resource", "outcome", "request_id"].map(|name| line[name].clone());
    assert_eq!(fields(&asked[0]), ["the-operate-key", "192.0.2.7", &path, "done", "abc-1"].map(Value::from));
    assert_eq!(
        fields(&asked[1]),
        ["the-read-key", "192.0.2.7", &path, "forbidden", "abc-1"].map(Value::from)
    );

    let wrong =
        Request::get("/v1/status").header("authorization", "Bearer a-wrong-key").extension(ConnectInfo(peer));
    is_problem(&harness.send(wrong.body(Body::empty()).unwrap()).await, 401, "unauthorized");
    let logged = lines.take();
    assert_eq!(logged[0]["peer"], "192.0.2.7");
    assert!(!logged[0].to_string().contains("a-wrong-key"), "{logged:?}");
}
