//! The store stops answering under load: publishers get nacks and retry, memory stays flat, nothing is lost.

use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tests::carrier::{Link, Outgoing};
use tests::chaos::{Fleet, Site};
use tests::ledger::reader::record_commands;
use tests::ledger::verdict::judge;
use tests::ledger::{CallScript, Flow};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PAUSE: Duration = Duration::from_secs(30);
const CALLS: usize = 6_000;
/// Padding of each call's event, in bytes: the calls during the pause exceed the queue's limit several times.
const PADDING: usize = 4_096;
const MIB: u64 = 1_024 * 1_024;
const FLOW: &str = r#"{ "schema": "signalbox.flow/v1", "name": "Short", "type": "voice",
    "trigger": { "event": "call.incoming" },
    "actions": [{ "id": "answer", "type": "answer" }, { "id": "bye", "type": "hangup" }] }"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_store_slows_publishers_and_no_process_grows() {
    let site =
        tokio::task::block_in_place(|| Site::open(&[("SIGNALBOX_AMQP__EVENTS_MAX_BYTES", "8MiB")])).unwrap();
    let file = site.folder().join("short.json");
    std::fs::write(&file, FLOW).unwrap();
    site.run(&["flow", "deploy", &file.to_string_lossy(), "--route", "call=*"]).unwrap();
    let fleet = tokio::task::block_in_place(|| site.start(&["dispatcher", "executor", "scheduler"])).unwrap();
    let stop = CancellationToken::new();
    let run_log = record_commands(&site.rabbit.url(), stop.clone()).await.unwrap();
    let link = Link::open(&site.rabbit.url());

    publish(&link, 0..300).await;
    let before = resident(&fleet);
    site.redis.stop_process();
    let flood = TaskTracker::new();
    let flooding = link.clone();
    flood.spawn(async move { publish(&flooding, 300..CALLS).await });
    let highest = watch(&fleet, PAUSE).await;
    let nacked = link.counts().nacked.load(Ordering::Relaxed);
    site.redis.cont();
    flood.close();
    tokio::time::timeout(Duration::from_secs(300), flood.wait())
        .await
        .expect("every event is confirmed in the end");

    assert!(nacked > 0, "no publisher got a nack although the queue was full");
    println!("{nacked} nacks; resident before {before:?}, at most {highest:?}");
    for (name, highest) in highest {
        let growth = highest.saturating_sub(before[&name]);
        assert!(highest < 256 * MIB && growth < 64 * MIB, "{name}: {before:?} grew to {highest}");
    }
    let flow = Flow::read(FLOW).unwrap();
    let scripts: BTreeMap<String, CallScript> =
        (0..CALLS).map(|n| (subject(n), CallScript::default())).collect();
    let judged = || judge(&run_log.lock().unwrap(), &flow, &scripts).unwrap();
    let until = Instant::now() + Duration::from_secs(180);
    while !judged().violations.is_empty() && Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let verdict = judged();
    assert!(verdict.violations.is_empty(), "{verdict}");
    stop.cancel();
}

/// Publishes the calls. Returns when all are confirmed.
async fn publish(link: &Link, calls: std::ops::Range<usize>) {
    let tasks = TaskTracker::new();
    for number in calls {
        let data = json!({
            "from": "+15550100", "to": "+15550111", "direction": "incoming", "note": "x".repeat(PADDING),
        });
        let subject = subject(number);
        let event = Outgoing::event("sbc-1.example", &subject, "call.incoming", &subject, data);
        let link = link.clone();
        tasks.spawn(async move { link.publish(event).await });
    }
    tasks.close();
    tasks.wait().await;
}

fn subject(number: usize) -> String {
    format!("call-{number:05}")
}

fn resident(fleet: &Fleet) -> BTreeMap<String, u64> {
    fleet.members.iter().map(|member| (member.name.clone(), member.resident().unwrap_or_default())).collect()
}

/// The highest resident memory of each member during `span`, in bytes.
async fn watch(fleet: &Fleet, span: Duration) -> BTreeMap<String, u64> {
    let mut highest = resident(fleet);
    let until = Instant::now() + span;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(250)).await;
        for (name, now) in resident(fleet) {
            let most = highest.entry(name).or_default();
            *most = now.max(*most);
        }
    }
    highest
}
