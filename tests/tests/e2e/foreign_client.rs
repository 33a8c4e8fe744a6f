//! Clients that share no code with Signalbox: Debian's `amqp-publish` and a gateway in Python with pika.

use crate::harness::{Harness, sample};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_published_by_amqp_publish_is_served_by_a_gateway_in_python() {
    let (Some(python), true) = (python_with_pika(), is_there("amqp-publish")) else {
        return print_line(
            "skipped: needs `amqp-publish` (Debian: amqp-tools) and Python with pika (python3-pika)",
        );
    };
    let harness = open_harness().await;
    let mut gateway = Gateway::start(python, &[&harness.site.rabbit.url(), "1"]);
    assert_eq!(gateway.next()["type"], "ready");
    publish_incoming(&harness.site.rabbit.url());
    let commands = gateway.rest();
    assert_eq!(types(&commands), ["call.answer", "call.talk", "call.talk", "call.hangup"]);
    assert_eq!(commands[2]["data"]["text"], "A colleague from sales calls you back on +15550100.");
    assert!(commands.iter().all(|command| command["subject"] == "call-foreign"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_python_makes_is_served_too() {
    let Some(python) = python_with_pika() else {
        return print_line("skipped: needs Python with pika (Debian: python3-pika)");
    };
    let harness = open_harness().await;
    let url = harness.site.rabbit.url();
    let mut gateway = Gateway::start(python, &[&url, "3", "--ring", "call-python", "+15550177", "+15550111"]);
    assert_eq!(gateway.next()["type"], "ready");
    let commands = gateway.rest();
    assert_eq!(types(&commands), ["call.answer", "call.talk", "call.talk", "call.hangup"]);
    assert_eq!(commands[2]["data"]["text"], "We are open from nine to five.");
}

async fn open_harness() -> Harness {
    let harness = Harness::open(&["serve"], &[]).await;
    harness.deploy(&sample("opening-hours.json"), None);
    harness.deploy(&sample("ivr.json"), Some("call=+15550111"));
    harness
}

/// Publishes a call without a message id, which the tool cannot set; the event contains its own id.
fn publish_incoming(url: &str) {
    let event = serde_json::json!({
        "specversion": "1.0", "id": "foreign-1", "source": "amqp-tools", "type": "call.incoming",
        "subject": "call-foreign", "time": tests::carrier::event::now(), "datacontenttype": "application/json",
        "data": { "from": "+15550100", "to": "+15550111", "direction": "incoming" },
    });
    let status = Command::new("amqp-publish")
        .args([&format!("--url={url}"), "--exchange=signalbox.events", "--routing-key=call.incoming"])
        .args(["--persistent", "--content-type=application/cloudevents+json"])
        .args(["--header=reference: call-foreign", &format!("--body={event}")])
        .status();
    assert!(status.unwrap().success(), "amqp-publish failed");
}

fn types(commands: &[Value]) -> Vec<&str> {
    commands.iter().filter_map(|command| command["type"].as_str()).collect()
}

/// The running script `gateway.py` of this folder; it is killed at the end of the test.
struct Gateway {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Gateway {
    fn start(python: &str, arguments: &[&str]) -> Gateway {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/gateway.py");
        let mut command = Command::new(python);
        let mut child = command.arg(script).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Gateway { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.next().expect("the gateway ended without output").unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// All commands up to the hangup. The script ends by itself if no command comes.
    fn rest(&mut self) -> Vec<Value> {
        let rest = self.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the gateway ended with {status} after {rest:?}");
        rest
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn python_with_pika() -> Option<&'static str> {
    let has_pika = |python: &&str| {
        let import = Command::new(python).args(["-c", "import pika"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has_pika)
}

fn is_there(program: &str) -> bool {
    let asked = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok()
}

/// Prints a line that the test harness does not capture, so that a skipped test is visible.
fn print_line(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
