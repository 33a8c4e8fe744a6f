//! `bench` reports every figure, loses nothing, leaves the services as they were, and refuses to use services that hold
//! data. The figures themselves are not checked.

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use tests::chaos::Site;
use tests::chaos::site::binary;
use tests::support::process::{Folder, output_of};

/// Small enough for a test. The rate of 100/s, the ten seconds of waits and the four idle seconds cannot be reduced.
const SIZE: [&str; 4] = ["--events", "60", "--output", "json"];

#[tokio::test(flavor = "multi_thread")]
async fn every_measurement_has_its_figures_on_real_servers_and_leaves_nothing_behind() {
    let site = tokio::task::block_in_place(|| Site::open(&[])).unwrap();
    site.redis.ask(&["FLUSHALL"]);
    let report: Value = serde_json::from_str(&site.run(&[&["bench"][..], &SIZE].concat()).unwrap()).unwrap();
    let ids = ["L1", "M1", "M2", "P1a", "P1b", "P2a", "P2b", "S1", "T1"];
    assert_complete(&report, &ids);
    assert!(report["store"].as_str().unwrap().starts_with("redis 7"), "{report}");
    assert!(report["bus"].as_str().unwrap().starts_with("rabbitmq "), "{report}");
    assert!(site.redis.ask(&["DBSIZE"]).starts_with(":0"), "keys are left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_hold_data_are_left_alone_without_yes() {
    let site = tokio::task::block_in_place(|| Site::open(&[])).unwrap();
    site.redis.ask(&["SET", "foreign-key", "1"]);
    let refused = site.try_run(&["bench", "--only", "P2b", "--events", "10"]).unwrap();
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("keys") && message.contains("--yes"), "{message}");
    let arguments =
        ["bench", "--only", "p2b", "--events", "10", "--rounds", "2", "--yes", "--output", "json"];
    let report: Value = serde_json::from_str(&site.run(&arguments).unwrap()).unwrap();
    assert_eq!(report["figures"][0]["rounds"].as_array().map(Vec::len), Some(2), "{report}");
    assert!(site.redis.ask(&["GET", "foreign-key"]).ends_with("1\r\n"));
    let flows = site.run(&["flow", "list", "--output", "json"]).unwrap();
    assert!(!flows.contains("Signalbox bench"), "{flows}");
}

#[test]
fn without_configured_services_every_measurement_has_its_figures_in_a_folder_that_is_removed() {
    let folder = Folder::new("bench");
    let mut command = Command::new(binary().unwrap());
    let output = output_of(command.arg("bench").args(SIZE).current_dir(folder.path())).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_complete(&report, &["L1", "M1", "M2", "P1a", "P1b", "P2a", "P3", "S1", "T1"]);
    assert_eq!((&report["store"], &report["bus"]), (&"embedded".into(), &"embedded".into()));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "files are left behind");
}

/// Asserts that every id is reported, every figure is a number, and no event was lost or handled twice.
fn assert_complete(report: &Value, ids: &[&str]) {
    let figures = report["figures"].as_array().unwrap();
    let found: BTreeSet<&str> = figures.iter().filter_map(|figure| figure["id"].as_str()).collect();
    assert_eq!(found, ids.iter().copied().collect::<BTreeSet<_>>());
    for figure in figures {
        assert!(figure["value"].is_number() && figure["unit"].is_string(), "{figure}");
        let what = figure["what"].as_str().unwrap();
        if what.ends_with("lost") || what.ends_with("twice") {
            assert_eq!(figure["value"].as_f64(), Some(0.0), "{figure}");
        }
    }
    assert!(report["version"].is_string() && report["cores"].is_number() && report["settings"].is_object());
}
