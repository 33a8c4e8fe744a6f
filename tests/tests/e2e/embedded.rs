//! Signalbox with nothing but a data folder: the first minute, a kill, and what a second one is told.

use crate::solo::{PATIENCE, Solo, sample};
use std::net::TcpListener;

const CALL: &str = r#"{"from":"+15550100","to":"+15550111"}"#;

#[test]
fn a_call_goes_on_after_a_kill_and_nothing_is_lost() {
    let mut solo = Solo::open(&[]);
    assert!(solo.run(&["activeflow", "list"]).contains("No activeflow yet"));
    assert!(solo.run(&["flow", "list"]).contains("No flow is deployed yet"));
    assert!(solo.run(&["route", "list"]).contains("There is no route yet"));
    solo.deploy_ivr();
    let sent =
        ["event", "send", "--type", "call.incoming", "--subject", "call-1", "--id", "first", "--data", CALL];
    let said = solo.run(&sent);
    assert!(said.contains("started"), "{said}");
    let before = solo.wait_for("the greeting", |row| row["state"] == "waiting");
    let id = before["id"].as_str().unwrap();
    assert!(solo.run(&["status"]).contains("embedded"));

    solo.kill9();
    let said = solo.refused(&["activeflow", "list"], &[], 1);
    assert!(said.contains(&format!("no Signalbox answers at http://{}", solo.api)), "{said}");
    solo.start();
    let after = solo.wait_for("the same call", |row| row["state"] == "waiting");
    assert_eq!(after, before, "a kill and a start change nothing");
    assert!(solo.run(&sent).contains("seen before"), "an event is recognised by the next life");

    let taken = solo.send("call.digits", "call-1", r#"{"digits":"3"}"#);
    assert_eq!((taken["outcome"].as_str(), taken["activeflow_id"].as_str()), (Some("applied"), Some(id)));
    solo.wait_for("the hours", |row| row["current_action"]["id"] == "say-hours" && row["state"] == "waiting");
    assert!(solo.run(&["activeflow", "get", id]).contains("say-hours"));
    let actions = solo.json(&["activeflow", "actions", id]);
    assert!(
        actions["completed"].as_array().unwrap().iter().any(|action| action["id"] == "answer"),
        "{actions}"
    );
    assert!(solo.run(&["activeflow", "actions", id]).contains("say-hours"));
    assert!(solo.run(&["activeflow", "journal", id]).contains("greeting"));
    solo.send("call.hangup", "call-1", r#"{"reason":"normal"}"#);
    solo.wait_for("the end", |row| row["end_reason"] == "hangup");
    let filtered = solo.json(&["activeflow", "list", "--flow", "support LINE", "--reference", "call:call-1"]);
    assert_eq!(filtered.as_array().unwrap().len(), 1);
    let none = solo.run(&["activeflow", "list", "--status", "running"]);
    assert!(none.contains("No activeflow matches"), "{none}");
}

#[test]
fn a_person_stops_pauses_and_moves_a_call() {
    let solo = Solo::open(&[]);
    solo.deploy_ivr();
    let id = solo.send("call.incoming", "call-1", CALL)["activeflow_id"].as_str().unwrap().to_owned();
    solo.wait_for("the greeting", |row| row["state"] == "waiting");
    assert!(solo.run(&["activeflow", "pause", &id]).contains("is paused"));
    assert!(solo.run(&["activeflow", "resume", &id]).contains("is waiting"));
    assert!(solo.run(&["activeflow", "forward", &id, "say-hours"]).contains("at `say-hours`"));
    let said = solo.refused(&["activeflow", "forward", &id, "nowhere"], &[], 1);
    assert!(said.contains("nowhere") && said.contains("say-hours"), "{said}");
    assert!(solo.run(&["activeflow", "stop", &id]).contains("is ended (stopped)"));
    assert!(solo.run(&["activeflow", "stop", &id]).contains("is ended (stopped)"), "stopping is repeatable");
    let said = solo.refused(&["activeflow", "pause", &id], &[], 1);
    assert!(said.contains("has ended"), "{said}");
}

#[test]
fn a_stream_of_changes_is_watched_and_does_not_hold_up_the_end() {
    let mut solo = Solo::open(&[]);
    solo.deploy_ivr();
    let mut watch =
        solo.spawn("watch", &["activeflow", "watch", "--reference", "call", "--output", "ndjson"]);
    let told = solo.folder.path().join("watch.log");
    let mut calls = 0;
    // The stream tells of what happens after it is open.
    watch.wait_for("a change", PATIENCE, || {
        calls += 1;
        solo.send("call.incoming", &format!("call-{calls}"), CALL);
        std::fs::read_to_string(&told).unwrap_or_default().contains("\"event\":\"created\"")
    });
    assert!(solo.stop(), "serve did not end in time, or not well:\n{}", solo.log());
    assert!(watch.wait(PATIENCE).is_some_and(|status| status.code() == Some(1)), "nobody answers any more");
}

#[test]
fn flows_and_routes_are_deployed_shown_and_taken_away() {
    let solo = Solo::open(&[]);
    solo.deploy_ivr();
    let again = solo.run(&["flow", "deploy", &sample("ivr.json")]);
    assert!(again.contains("unchanged"), "{again}");
    let document: serde_json::Value =
        serde_json::from_str(&solo.run(&["flow", "export", "Support line"])).unwrap();
    assert_eq!(document["name"], "Support line");
    let flows = solo.json(&["flow", "list"]);
    assert_eq!(flows.as_array().unwrap().len(), 2, "{flows}");
    let set = solo.run(&["route", "set", "call=+1555*", "--flow", "Support line", "--priority", "5"]);
    assert!(set.contains("call=+1555* leads to `Support line`") && set.contains("is live on"), "{set}");
    assert!(solo.run(&["route", "list"]).contains("call=+1555*"));
    assert!(solo.run(&["route", "delete", "call=+1555*"]).contains("leads nowhere now"));
    assert!(!solo.run(&["route", "list"]).contains("call=+1555*"));
    let unmatched = solo.send("call.incoming", "call-9", r#"{"from":"+15550100","to":"+15550122"}"#);
    assert_eq!(unmatched["outcome"], "unmatched");
    assert!(solo.run(&["event", "rejected", "list"]).contains("No event is rejected."));
}

#[test]
fn a_second_one_and_a_busy_port_are_told_plainly() {
    let solo = Solo::open(&[]);
    let pid = std::fs::read_to_string(solo.data().join("lock")).unwrap();
    let said = solo.refused(&["serve"], &[], 1);
    assert!(said.contains("is in use by another Signalbox") && said.contains(pid.trim()), "{said}");

    let other = solo.folder.path().join("other");
    let own = ("SIGNALBOX_DATA__DIR", other.to_str().unwrap());
    let said = solo.refused(&["serve"], &[own], 1);
    let expected = format!("api.listen is {}, and it cannot be listened to: another program", solo.api);
    assert!(said.contains(&expected) && said.contains("SIGNALBOX_API__LISTEN="), "{said}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = ("SIGNALBOX_API__LISTEN", "127.0.0.1:0");
    let said = solo.refused(&["serve"], &[own, free, ("SIGNALBOX_OPS__LISTEN", &taken)], 1);
    assert!(said.contains(&format!("ops.listen is {taken}")), "{said}");
    let said = solo.refused(&["serve"], &[own, ("SIGNALBOX_API__LISTEN", "0.0.0.0:0")], 1);
    assert!(said.contains("other machines can reach") && said.contains("bootstrap_key"), "{said}");
    let folder_is_file = sample("ivr.json");
    let said = solo.refused(&["serve"], &[("SIGNALBOX_DATA__DIR", &folder_is_file)], 1);
    assert!(said.contains("ivr.json") && said.contains("data.dir"), "{said}");
}

#[test]
fn only_a_key_that_is_known_opens_the_door() {
    let solo = Solo::open(&[]);
    let key = std::fs::read_to_string(solo.data().join("api-key")).unwrap();
    assert!(
        solo.log().contains("api-key") && !solo.log().contains(key.trim()),
        "the log names the file only"
    );
    let said = solo.refused(&["flow", "list"], &[("SIGNALBOX_API__KEY", "a-wrong-key-of-somebody")], 1);
    assert!(said.contains("api.key is not one of its keys"), "{said}");
    let nowhere = solo.folder.path().join("nowhere");
    let said = solo.refused(&["flow", "list"], &[("SIGNALBOX_DATA__DIR", nowhere.to_str().unwrap())], 1);
    assert!(said.contains("no key was sent"), "{said}");
    let by_url = [
        ("SIGNALBOX_DATA__DIR", nowhere.to_str().unwrap()),
        ("SIGNALBOX_API__URL", &format!("http://{}", solo.api)),
        ("SIGNALBOX_API__KEY", key.trim()),
    ];
    assert!(solo.try_run(&["flow", "list"], &by_url).status.success());
}
