//! A new deployment is for new activeflows: who runs finishes on the version that it started on.

use crate::stage::Stage;
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
    let mut stage = Stage::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    let folder = stage.site.folder().to_owned();
    stage.deploy(&flow(&folder, "This is the first version."), Some("call=*"));
    stage.incoming_call("call-old", "+15550100", "+15550111").await;
    stage.expect("call.answer").await;
    stage.expect("call.talk").await;

    stage.deploy(&flow(&folder, "This is the second version."), Some("call=*"));
    stage.incoming_call("call-new", "+15550100", "+15550111").await;
    stage.expect("call.answer").await;
    stage.expect("call.talk").await;
    stage.press("call-old", "1").await;
    let said = stage.expect("call.talk").await;
    assert_eq!((said.subject.as_str(), said.text("text")), ("call-old", "This is the first version."));
    stage.press("call-new", "1").await;
    let said = stage.expect("call.talk").await;
    assert_eq!((said.subject.as_str(), said.text("text")), ("call-new", "This is the second version."));
}
