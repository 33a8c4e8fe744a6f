//! Route windows: an event is matched by its own time, and missed transitions are announced later.

use crate::harness::Harness;
use serde_json::{Value, json};
use std::time::Duration;
use tests::carrier::event::now_plus;
use tests::carrier::gateway::{bind, keep_consuming};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const NOTICES: &str = "signalbox.notices";

#[tokio::test(flavor = "multi_thread")]
async fn transitions_that_passed_while_the_scheduler_was_down_are_announced_after_its_restart() {
    let mut harness = Harness::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    let mut notices = listen(&harness.site.rabbit.url()).await;
    harness.deploy(&greeting(&harness), None);
    let (from, until) = (now_plus(3), now_plus(6));
    set_route(&harness, "call=+15550111", &from, &until);
    harness.fleet.member("scheduler-1").unwrap().kill().await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(notices.try_recv().is_err(), "no scheduler runs that could announce transitions");

    let member = harness.fleet.member("scheduler-1").unwrap();
    member.revive();
    let activated = next(&mut notices).await;
    let expired = next(&mut notices).await;
    for (notice, kind, at) in [(&activated, "route.activated", &from), (&expired, "route.expired", &until)] {
        assert_eq!(notice["type"], kind);
        assert_eq!(notice["data"]["route_id"], "call=+15550111");
        let announced = notice["data"]["at"].as_str().unwrap();
        assert!(announced.starts_with(&at[..19]), "{announced} is not {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_matched_by_its_own_time() {
    let mut harness = Harness::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    harness.deploy(&greeting(&harness), None);
    set_route(&harness, "call=+15550111", &now_plus(-120), &now_plus(-60));
    let incoming = json!({ "from": "+15550100", "to": "+15550111", "direction": "incoming" });

    harness.send_at(&now_plus(-180), "call.incoming", "call-before", incoming.clone()).await;
    harness.send("call.incoming", "call-after", incoming.clone()).await;
    harness.send_at(&now_plus(-90), "call.incoming", "call-within", incoming).await;
    let answer = harness.expect("call.answer").await;
    assert_eq!(answer.subject, "call-within");
    harness.expect("call.hangup").await;
}

fn greeting(harness: &Harness) -> std::path::PathBuf {
    let flow = json!({
        "schema": "signalbox.flow/v1", "name": "Greeting", "type": "voice",
        "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "answer", "type": "answer" }, { "id": "bye", "type": "hangup" }],
    });
    let path = harness.site.folder().join("greeting.json");
    std::fs::write(&path, flow.to_string()).unwrap();
    path
}

fn set_route(harness: &Harness, address: &str, from: &str, until: &str) {
    let window = ["--active-from", from, "--active-until", until];
    harness.site.run(&[&["route", "set", address, "--flow", "Greeting"][..], &window].concat()).unwrap();
}

async fn listen(url: &str) -> mpsc::UnboundedReceiver<Value> {
    bind(url, "test.notices", NOTICES, &["#"]).await.unwrap();
    let (sender, notices) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    tokio::spawn(keep_consuming(url.to_owned(), "test.notices".into(), stop, move |delivery| {
        let _ = sender.send(serde_json::from_slice(&delivery.data).unwrap());
    }));
    notices
}

async fn next(notices: &mut mpsc::UnboundedReceiver<Value>) -> Value {
    let notice = tokio::time::timeout(Duration::from_secs(60), notices.recv()).await;
    notice.expect("no notice came within a minute").unwrap()
}
