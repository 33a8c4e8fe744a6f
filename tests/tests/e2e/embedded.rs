//! Signalbox with only a data folder: first commands, a kill, and the refusal of a second process on the same folder.

use crate::standalone::{Standalone, TIMEOUT, sample};
use std::net::TcpListener;
use std::time::Instant;

const CALL: &str = r#"{"from":"+15550100","to":"+15550111"}"#;

#[test]
fn a_call_continues_after_a_kill_and_nothing_is_lost() {
    let mut standalone = Standalone::open(&[]);
    assert!(standalone.run(&["activeflow", "list"]).contains("No activeflow yet"));
    assert!(standalone.run(&["flow", "list"]).contains("No flow is deployed yet"));
    assert!(standalone.run(&["route", "list"]).contains("There is no route yet"));
    standalone.deploy_ivr();
    let sent =
        ["event", "send", "--type", "call.incoming", "--subject", "call-1", "--id", "first", "--data", CALL];
    let message = standalone.run(&sent);
    assert!(message.contains("started"), "{message}");
    let before = standalone.wait_for("the greeting", |row| row["state"] == "waiting");
    let id = before["id"].as_str().unwrap();
    assert!(standalone.run(&["status"]).contains("embedded"));

    standalone.kill9();
    let message = standalone.refused(&["activeflow", "list"], &[], 1);
    assert!(message.contains(&format!("no Signalbox answers at http://{}", standalone.api)), "{message}");
    standalone.start();
    let after = standalone.wait_for("the same call", |row| row["state"] == "waiting");
    assert_eq!(after, before, "a kill and a restart change nothing");
    assert!(standalone.run(&sent).contains("duplicate"), "the next process recognises the event");

    let taken = standalone.send("call.digits", "call-1", r#"{"digits":"3"}"#);
    assert_eq!((taken["outcome"].as_str(), taken["activeflow_id"].as_str()), (Some("applied"), Some(id)));
    standalone
        .wait_for("the hours", |row| row["current_action"]["id"] == "say-hours" && row["state"] == "waiting");
    assert!(standalone.run(&["activeflow", "get", id]).contains("say-hours"));
    let actions = standalone.json(&["activeflow", "actions", id]);
    assert!(
        actions["completed"].as_array().unwrap().iter().any(|action| action["id"] == "answer"),
        "{actions}"
    );
    assert!(standalone.run(&["activeflow", "actions", id]).contains("say-hours"));
    assert!(standalone.run(&["activeflow", "journal", id]).contains("greeting"));
    standalone.send("call.hangup", "call-1", r#"{"reason":"normal"}"#);
    standalone.wait_for("the end", |row| row["end_reason"] == "hangup");
    let filtered =
        standalone.json(&["activeflow", "list", "--flow", "support LINE", "--reference", "call:call-1"]);
    assert_eq!(filtered.as_array().unwrap().len(), 1);
    let none = standalone.run(&["activeflow", "list", "--status", "running"]);
    assert!(none.contains("No activeflow matches"), "{none}");
}

#[test]
fn an_operator_stops_pauses_and_forwards_a_call() {
    let standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    let id = standalone.send("call.incoming", "call-1", CALL)["activeflow_id"].as_str().unwrap().to_owned();
    standalone.wait_for("the greeting", |row| row["state"] == "waiting");
    assert!(standalone.run(&["activeflow", "pause", &id]).contains("is paused"));
    assert!(standalone.run(&["activeflow", "resume", &id]).contains("is waiting"));
    assert!(standalone.run(&["activeflow", "forward", &id, "say-hours"]).contains("at `say-hours`"));
    let message = standalone.refused(&["activeflow", "forward", &id, "nowhere"], &[], 1);
    assert!(message.contains("nowhere") && message.contains("say-hours"), "{message}");
    assert!(standalone.run(&["activeflow", "stop", &id]).contains("is ended (stopped)"));
    assert!(
        standalone.run(&["activeflow", "stop", &id]).contains("is ended (stopped)"),
        "stopping is repeatable"
    );
    let message = standalone.refused(&["activeflow", "pause", &id], &[], 1);
    assert!(message.contains("has ended"), "{message}");
}

#[test]
fn a_stream_of_changes_is_watched_and_does_not_delay_the_shutdown() {
    let mut standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    let mut watch =
        standalone.spawn("watch", &["activeflow", "watch", "--reference", "call", "--output", "ndjson"]);
    let log = standalone.folder.path().join("watch.log");
    let mut calls = 0;
    // The stream starts with the changes after it is open.
    watch.wait_for("a change", TIMEOUT, || {
        calls += 1;
        standalone.send("call.incoming", &format!("call-{calls}"), CALL);
        std::fs::read_to_string(&log).unwrap_or_default().contains("\"event\":\"created\"")
    });
    assert!(standalone.stop(), "serve did not end in time with exit code 0:\n{}", standalone.log());
    assert!(
        watch.wait(TIMEOUT).is_some_and(|status| status.code() == Some(1)),
        "watch must fail when the server is gone"
    );
}

#[test]
fn flows_and_routes_are_deployed_listed_and_deleted() {
    let standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    let again = standalone.run(&["flow", "deploy", &sample("ivr.json")]);
    assert!(again.contains("unchanged"), "{again}");
    let document: serde_json::Value =
        serde_json::from_str(&standalone.run(&["flow", "export", "Support line"])).unwrap();
    assert_eq!(document["name"], "Support line");
    let flows = standalone.json(&["flow", "list"]);
    assert_eq!(flows.as_array().unwrap().len(), 2, "{flows}");
    let set = standalone.run(&["route", "set", "call=+1555*", "--flow", "Support line", "--priority", "5"]);
    assert!(set.contains("call=+1555* leads to `Support line`") && set.contains("is live on"), "{set}");
    assert!(standalone.run(&["route", "list"]).contains("call=+1555*"));
    assert!(standalone.run(&["route", "delete", "call=+1555*"]).contains("the route call=+1555* is deleted"));
    assert!(!standalone.run(&["route", "list"]).contains("call=+1555*"));
    let unmatched = standalone.send("call.incoming", "call-9", r#"{"from":"+15550100","to":"+15550122"}"#);
    assert_eq!(unmatched["outcome"], "unmatched");
    assert!(standalone.run(&["event", "rejected", "list"]).contains("There are no rejected events."));
}

#[test]
fn a_second_process_and_a_busy_port_are_refused_with_the_reason() {
    let standalone = Standalone::open(&[]);
    let pid = std::fs::read_to_string(standalone.data().join("lock")).unwrap();
    let message = standalone.refused(&["serve"], &[], 1);
    assert!(message.contains("is in use by another Signalbox") && message.contains(pid.trim()), "{message}");

    let other = standalone.folder.path().join("other");
    let own = ("SIGNALBOX_DATA__DIR", other.to_str().unwrap());
    let message = standalone.refused(&["serve"], &[own], 1);
    let expected =
        format!("api.listen is {}, and this address cannot be used: another program", standalone.api);
    assert!(message.contains(&expected) && message.contains("SIGNALBOX_API__LISTEN="), "{message}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = ("SIGNALBOX_API__LISTEN", "127.0.0.1:0");
    let message = standalone.refused(&["serve"], &[own, free, ("SIGNALBOX_OPS__LISTEN", &taken)], 1);
    assert!(message.contains(&format!("ops.listen is {taken}")), "{message}");
    let message = standalone.refused(&["serve"], &[own, ("SIGNALBOX_API__LISTEN", "0.0.0.0:0")], 1);
    assert!(message.contains("other machines can reach") && message.contains("bootstrap_key"), "{message}");
    let folder_is_file = sample("ivr.json");
    let message = standalone.refused(&["serve"], &[("SIGNALBOX_DATA__DIR", &folder_is_file)], 1);
    assert!(message.contains("ivr.json") && message.contains("data.dir"), "{message}");
}

#[test]
fn only_a_known_key_is_accepted() {
    let standalone = Standalone::open(&[]);
    let key = std::fs::read_to_string(standalone.data().join("api-key")).unwrap();
    assert!(
        standalone.log().contains("api-key") && !standalone.log().contains(key.trim()),
        "the log must name the key's file and not show the key"
    );
    let message =
        standalone.refused(&["flow", "list"], &[("SIGNALBOX_API__KEY", "a-wrong-key-of-another")], 1);
    assert!(message.contains("api.key is not one of its keys"), "{message}");
    let nowhere = standalone.folder.path().join("nowhere");
    let message =
        standalone.refused(&["flow", "list"], &[("SIGNALBOX_DATA__DIR", nowhere.to_str().unwrap())], 1);
    assert!(message.contains("no key was sent"), "{message}");
    let by_url = [
        ("SIGNALBOX_DATA__DIR", nowhere.to_str().unwrap()),
        ("SIGNALBOX_API__URL", &format!("http://{}", standalone.api)),
        ("SIGNALBOX_API__KEY", key.trim()),
    ];
    assert!(standalone.try_run(&["flow", "list"], &by_url).status.success());
}

/// A single `curl` on the commands stream must not be able to stop the others for long.
#[test]
fn a_forgotten_command_queue_is_shown_and_removed_and_its_metrics_are_exported() {
    let standalone = Standalone::open(&[("SIGNALBOX_SCHEDULER__DEPTH_INTERVAL", "50ms")]);
    assert!(standalone.run(&["queue", "list"]).contains("There is no command queue"));
    let path = "/v1/commands?queue=forgotten&types=call.%23";
    standalone.get_until(&standalone.api, path, "the queue is yours");
    standalone.deploy_ivr();
    standalone.send("call.incoming", "call-1", CALL);
    let deadline = Instant::now() + TIMEOUT;
    let queue = loop {
        let queue = standalone.json(&["queue", "list"])[0].clone();
        if queue["waiting"] == 2 && queue["reading"] == false {
            break queue;
        }
        assert!(Instant::now() < deadline, "{queue}");
    };
    assert_eq!((queue["name"].as_str(), queue["condition"].as_str()), (Some("forgotten"), Some("open")));
    let table = standalone.run(&["queue", "list"]);
    assert!(table.contains("forgotten") && table.contains("none"), "{table}");
    for metric in [
        "signalbox_queue_full{queue=\"forgotten\"} 0",
        "signalbox_memory_counted_bytes ",
        "signalbox_memory_limit_bytes 1073741824",
        "signalbox_store_time_ahead_seconds ",
    ] {
        let deadline = Instant::now() + TIMEOUT;
        while !standalone.get_until(&standalone.ops(), "/metrics", "process_start").contains(metric) {
            assert!(Instant::now() < deadline, "{metric} is not exported");
        }
    }
    let ready = standalone.get_until(&standalone.ops(), "/readyz?verbose", "ready\n");
    assert!(ready.contains("[+] command queues ok: 1 of them") && ready.contains("[+] memory ok"), "{ready}");
    assert!(standalone.run(&["queue", "remove", "forgotten"]).contains("with 2 commands"));
    assert!(standalone.refused(&["queue", "remove", "forgotten"], &[], 1).contains("no command queue"));
}

#[test]
fn a_damaged_folder_is_named_by_every_command_that_reads_it_and_salvaged() {
    let mut standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    standalone.send("call.incoming", "call-1", CALL);
    standalone.wait_for("the greeting", |row| row["state"] == "waiting");
    assert!(standalone.run(&["data", "check"]).contains("records"));
    assert!(standalone.run(&["doctor"]).contains("are whole"));
    assert!(standalone.stop());
    let database = standalone.data().join("signalbox.db");
    let text = b"For our opening hours press 3";
    let mut bytes = std::fs::read(&database).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&database, bytes).unwrap();

    let serve = standalone.refused(&["serve"], &[], 1);
    assert!(serve.contains("table state, key x'") && serve.contains("signalbox data salvage"), "{serve}");
    assert!(standalone.refused(&["data", "check"], &[], 1).contains("are damaged"));
    let doctor = standalone.refused(&["doctor"], &[], 1);
    assert!(doctor.contains("checksum") && doctor.contains("not while a check above fails"), "{doctor}");
    let to = standalone.folder.path().join("salvaged").display().to_string();
    let salvaged = standalone.json(&["data", "salvage", "--to", &to]);
    assert!(!salvaged["left_out"].as_array().unwrap().is_empty(), "{salvaged}");
    assert!(standalone.try_run(&["data", "check"], &[("SIGNALBOX_DATA__DIR", &to)]).status.success());
}
