//! `signalbox simulate` against a server that is killed and restarted: nothing is lost and nothing is done twice.

use crate::harness::Harness;
use crate::standalone::{Standalone, sample, text_of};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::chaos::site::binary;

/// Starts `signalbox simulate` without an ops listener of its own.
fn simulate(arguments: &[&str], env: &[(String, String)]) -> Child {
    let mut command = Command::new(binary().unwrap());
    command.arg("simulate").args(arguments).args(["--output", "json"]);
    command.env("SIGNALBOX_OPS__LISTEN", "").envs(env.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn report(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "simulate: {}\n{}", output.status, text_of(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_all_over(report: &Value, count: u64) {
    let counted = &report["counted"];
    assert_eq!((&counted["started"], &counted["over"]), (&count.into(), &count.into()), "{report:#}");
    assert!(counted["commands"].as_u64() > Some(count), "{report:#}");
    for what in ["lost", "doubled", "out_of_order", "refused"] {
        assert_eq!(report[what], 0, "{what}: {report:#}");
    }
    assert_eq!((&report["clean"], &report["unchecked"]), (&true.into(), &Value::Null), "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_the_broker_survive_a_kill_in_the_middle() {
    let mut harness = Harness::open(&["serve"], &[("SIGNALBOX_ENGINE__LEASE", "5s")]).await;
    harness.deploy(&crate::harness::sample("opening-hours.json"), None);
    harness.deploy(&crate::harness::sample("ivr.json"), Some("call=+15550111"));
    let child = simulate(&["call", "--count", "120", "--rate", "20", "--speed", "20"], &harness.site.env);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let serve = harness.fleet.member("serve-1").unwrap();
    serve.kill().await;
    serve.revive();
    let report = tokio::task::block_in_place(|| report(child));
    assert_all_over(&report, 120);
}

#[test]
fn everything_over_rest_survives_a_kill_in_the_middle() {
    let mut standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    standalone.run(&["flow", "deploy", &sample("sms-auto-reply.json"), "--route", "sms=+15550112"]);
    standalone.run(&["flow", "deploy", &sample("sim-usage-notice.json"), "--route", "sim=89440000*"]);
    let paced = ["--count", "60", "--rate", "10", "--speed", "20"];
    let kinds = ["call", "message", "sim"];
    let children = kinds.map(|kind| simulate(&[&[kind], &paced[..]].concat(), &standalone.env));
    std::thread::sleep(Duration::from_secs(3));
    standalone.kill9();
    std::thread::sleep(Duration::from_secs(1));
    standalone.start();
    for child in children {
        assert_all_over(&report(child), 60);
    }
}

#[test]
fn a_caller_that_is_not_answered_is_reported_as_lost() {
    let standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    let arguments =
        ["simulate", "call", "--to", "+15559999", "--count", "2", "--speed", "50", "--output", "json"];
    let output = standalone.try_run(&arguments, &[]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["lost"]), (Some(1), &2.into()), "{report:#}");
}

#[test]
fn simulate_without_a_route_or_a_server_says_what_to_do() {
    let mut standalone = Standalone::open(&[]);
    let message = standalone.refused(&["simulate", "sim"], &[], 1);
    assert!(message.contains("signalbox flow deploy") && message.contains("sim="), "{message}");
    standalone.kill9();
    let message = standalone.refused(&["simulate", "call"], &[], 1);
    assert!(message.contains("signalbox serve"), "{message}");
    let message = standalone.refused(&["simulate", "call", "--rate", "0"], &[], 2);
    assert!(message.contains("above 0"), "{message}");
}
