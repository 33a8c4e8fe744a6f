//! Windows of routes: an event is judged by its own time, and transitions that nobody saw are told later.

use crate::stage::Stage;
use serde_json::{Value, json};
use std::time::Duration;
use tests::carrier::event::now_plus;
use tests::carrier::gateway::{bind, keep_consuming};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const NOTICES: &str = "signalbox.notices";

#[tokio::test(flavor = "multi_thread")]
async fn edges_that_passed_while_the_scheduler_was_down_are_told_after_it_is_back() {
    let mut stage = Stage::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    let mut notices = listen(&stage.site.rabbit.url()).await;
    stage.deploy(&greeting(&stage), None);
    let (from, until) = (now_plus(3), now_plus(6));
    set_route(&stage, "call=+15550111", &from, &until);
    stage.fleet.member("scheduler-1").unwrap().kill().await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(notices.try_recv().is_err(), "nobody is there to tell of transitions");

    let member = stage.fleet.member("scheduler-1").unwrap();
    member.revive();
    let activated = next(&mut notices).await;
    let expired = next(&mut notices).await;
    for (notice, kind, at) in [(&activated, "route.activated", &from), (&expired, "route.expired", &until)] {
        assert_eq!(notice["type"], kind);
        assert_eq!(notice["data"]["route_id"], "call=+15550111");
        let told = notice["data"]["at"].as_str().unwrap();
        assert!(told.starts_with(&at[..19]), "{told} is not {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_judged_by_its_own_time() {
    let mut stage = Stage::open(&["dispatcher", "executor", "scheduler"], &[]).await;
    stage.deploy(&greeting(&stage), None);
    set_route(&stage, "call=+15550111", &now_plus(-120), &now_plus(-60));
    let incoming = json!({ "from": "+15550100", "to": "+15550111", "direction": "incoming" });

    stage.send_at(&now_plus(-180), "call.incoming", "call-before", incoming.clone()).await;
    stage.send("call.incoming", "call-after", incoming.clone()).await;
    stage.send_at(&now_plus(-90), "call.incoming", "call-within", incoming).await;
    let answer = stage.expect("call.answer").await;
    assert_eq!(answer.subject, "call-within");
    stage.expect("call.hangup").await;
}

fn greeting(stage: &Stage) -> std::path::PathBuf {
    let flow = json!({
        "schema": "signalbox.flow/v1", "name": "Greeting", "type": "voice",
        "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "answer", "type": "answer" }, { "id": "bye", "type": "hangup" }],
    });
    let path = stage.site.folder().join("greeting.json");
    std::fs::write(&path, flow.to_string()).unwrap();
    path
}

fn set_route(stage: &Stage, address: &str, from: &str, until: &str) {
    let window = ["--active-from", from, "--active-until", until];
    stage.site.run(&[&["route", "set", address, "--flow", "Greeting"][..], &window].concat()).unwrap();
}

async fn listen(url: &str) -> mpsc::UnboundedReceiver<Value> {
    bind(url, "test.notices", NOTICES, &["#"]).await.unwrap();
    let (heard, notices) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    tokio::spawn(keep_consuming(url.to_owned(), "test.notices".into(), stop, move |delivery| {
        let _ = heard.send(serde_json::from_slice(&delivery.data).unwrap());
    }));
    notices
}

async fn next(notices: &mut mpsc::UnboundedReceiver<Value>) -> Value {
    let notice = tokio::time::timeout(Duration::from_secs(60), notices.recv()).await;
    notice.expect("no notice came within a minute").unwrap()
}
