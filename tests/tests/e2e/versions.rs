//! A new deployment is used by new activeflows; running ones finish on the version that they started with.

use crate::harness::Harness;
use std::path::PathBuf;

fn flow(folder: &std::path::Path, says: &str) -> PathBuf {
    let flow = serde_json::json!({
        "schema": "signalbox.flow/v1", "name": "Announcement", "type": "voice",
        "trigger": { "event": "call.incoming" },
        "actions": [
            { "id": "answer", "type": "answer" },
            { "id": "menu", "type": "talk", "option": { "text": "Press 1.", "digits_handle": "next" } },
            { "id": "pick", "type": "digits_receive", "option": { "length": 1, "duration": 600_000 } },
            { "id": "say", "type": "talk", "option": { "text": says } },
            { "id": "bye", "type": "hangup" },
        ],
    });
    let path = folder.join("announcement.json");
    std::fs::write(&path, flow.to_string()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_activeflow_finishes_on_its_version() {
    let mut harness = Harness::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    let folder = harness.site.folder().to_owned();
    harness.deploy(&flow(&folder, "This is the first version."), Some("call=*"));
    harness.incoming_call("call-old", "+15550100", "+15550111").await;
    harness.expect("call.answer").await;
    harness.expect("call.talk").await;

    harness.deploy(&flow(&folder, "This is the second version."), Some("call=*"));
    harness.incoming_call("call-new", "+15550100", "+15550111").await;
    harness.expect("call.answer").await;
    harness.expect("call.talk").await;
    harness.press("call-old", "1").await;
    let message = harness.expect("call.talk").await;
    assert_eq!((message.subject.as_str(), message.text("text")), ("call-old", "This is the first version."));
    harness.press("call-new", "1").await;
    let message = harness.expect("call.talk").await;
    assert_eq!((message.subject.as_str(), message.text("text")), ("call-new", "This is the second version."));
}
