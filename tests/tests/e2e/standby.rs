//! `signalbox status` with two dispatchers: which one is active, and who takes over.

use crate::harness::{Harness, sample};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Limit against a hanging test.
const LIMIT: Duration = Duration::from_secs(60);

/// The dispatchers' process ids, with their activity.
fn dispatchers(harness: &Harness) -> Vec<(u32, String)> {
    let status: Value =
        serde_json::from_str(&harness.site.run(&["status", "--output", "json"]).unwrap()).unwrap();
    let of_role = |member: &&Value| member["role"] == "dispatcher";
    let shown = |member: &Value| {
        let id = member["instance"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        (id, member["activity"].as_str().unwrap_or("none").to_owned())
    };
    status["members"].as_array().unwrap().iter().filter(of_role).map(shown).collect()
}

/// Waits until the dispatchers do this; returns the process id of the active one.
fn until(harness: &Harness, wanted: &[&str]) -> u32 {
    let deadline = Instant::now() + LIMIT;
    loop {
        let found = dispatchers(harness);
        let mut activities: Vec<&str> = found.iter().map(|(_, activity)| activity.as_str()).collect();
        activities.sort_unstable();
        if activities == wanted {
            return found.iter().find(|(_, activity)| activity == "active").map_or(0, |(id, _)| *id);
        }
        assert!(Instant::now() < deadline, "{wanted:?} was never reached: {found:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_active_dispatcher_is_told_apart_from_the_one_on_standby() {
    let roles = ["dispatcher", "dispatcher", "executor", "scheduler"];
    let mut harness = Harness::open(&roles, &[("SIGNALBOX_ENGINE__LEASE", "4s")]).await;
    until(&harness, &["idle", "idle"]);
    harness.deploy(&sample("opening-hours.json"), None);
    harness.deploy(&sample("ivr.json"), Some("call=+15550111"));
    harness.incoming_call("call-1", "+15550100", "+15550111").await;
    harness.next().await;
    let active = until(&harness, &["active", "standby"]);
    let shown = harness.site.run(&["status"]).unwrap();
    assert!(shown.contains(&format!(":{active}, active, generation")), "{shown}");

    let member = harness.fleet.members.iter_mut().find(|member| member.id() == Some(active)).unwrap();
    member.kill().await;
    harness.incoming_call("call-2", "+15550100", "+15550111").await;
    while harness.next().await.subject != "call-2" {}
    assert_ne!(until(&harness, &["active"]), active);
}
