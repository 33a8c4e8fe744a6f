//! Clients that take more than they may, and what operators see of all clients.

use crate::standalone::{Standalone, TIMEOUT};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::chaos::site::binary;
use tests::support::{Process, ports};

/// Status and text of an answer; `None` if there is none.
fn get(address: &str, path: &str, key: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some((text.split(' ').nth(1)?.parse().ok()?, text))
}

#[test]
fn with_64_descriptors_idle_clients_stop_neither_rest_nor_health() {
    let ops = format!("127.0.0.1:{}", ports::free());
    let standalone = Standalone::new(&[("SIGNALBOX_OPS__LISTEN", &ops)]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" serve"]).arg(binary().unwrap());
    command.envs(standalone.env.iter().cloned());
    let log = standalone.folder.path().join("serve-1.log");
    let mut process = Process::spawn("serve", &mut command, &log);
    let deadline = Instant::now() + TIMEOUT;
    while get(&ops, "/readyz", "").is_none_or(|(status, _)| status != 200) {
        assert!(Instant::now() < deadline && process.is_running(), "not ready: {}", standalone.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let key = std::fs::read_to_string(standalone.data().join("api-key")).unwrap();

    let idle: Vec<TcpStream> = (0..200)
        .map(|number| TcpStream::connect(if number % 2 == 0 { &standalone.api } else { &ops }).unwrap())
        .collect();
    for _ in 0..5 {
        for (address, path) in [(&ops, "/livez"), (&ops, "/readyz"), (&standalone.api, "/v1/status")] {
            let answer = get(address, path, key.trim());
            assert_eq!(answer.as_ref().map(|(status, _)| *status), Some(200), "{path}: {answer:?}");
        }
    }
    let (_, metrics) = get(&ops, "/metrics", "").unwrap();
    assert!(
        metrics.contains("signalbox_http_closed_total{listener=\"api\",reason=\"evicted\"}"),
        "{metrics}"
    );
    assert!(standalone.log().contains("connections to api:"), "{}", standalone.log());
    drop(idle);
}

#[test]
fn events_by_rest_are_counted_and_every_metric_has_help() {
    let standalone = Standalone::open(&[]);
    let unmatched = standalone.send("call.incoming", "call-9", r#"{"from":"+15550100","to":"+15550122"}"#);
    assert_eq!(unmatched["outcome"], "unmatched");
    let (_, metrics) = get(&format!("127.0.0.1:{}", standalone.ops_port()), "/metrics", "").unwrap();
    for counted in [
        "signalbox_events_total{type=\"call.incoming\",outcome=\"unmatched\"} 1",
        "signalbox_unmatched_total{type=\"call.incoming\"} 1",
    ] {
        assert!(metrics.contains(counted), "{counted}: {metrics}");
    }
    let named = |kind: &str| -> std::collections::BTreeSet<&str> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(kind));
        lines.filter_map(|line| line.split(' ').next()).collect()
    };
    let (with_type, with_help) = (named("# TYPE "), named("# HELP "));
    assert!(with_type.len() > 30, "{with_type:?}");
    assert_eq!(with_type.difference(&with_help).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn a_change_and_a_wrong_key_are_in_the_audit_log() {
    let standalone = Standalone::open(&[("SIGNALBOX_LOG__LEVEL", "warn")]);
    standalone.deploy_ivr();
    standalone.refused(&["flow", "list"], &[("SIGNALBOX_API__KEY", "a-wrong-key-of-another")], 1);
    let log = standalone.log();
    let audited: Vec<&str> = log.lines().filter(|line| line.contains("\"target\":\"audit\"")).collect();
    assert!(
        audited.iter().any(|line| line.contains("POST /v1/flows") && line.contains("127.0.0.1")),
        "{log}"
    );
    assert!(audited.iter().any(|line| line.contains("wrong API key")), "{log}");
    assert!(!log.contains("a-wrong-key-of-another"), "{log}");
}
