//! `samples/gateway.py`: a gateway in plain Python that uses the REST API of `serve` with default settings.

use crate::{http, repository};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tests::chaos::site::binary;
use tests::support::process::{Folder, output_of};
use tests::support::{Process, ports};

const START: Duration = Duration::from_secs(60);

struct Serve {
    folder: Folder,
    settings: Vec<(&'static str, String)>,
    api: u16,
    _process: Process,
}

impl Serve {
    fn start() -> Serve {
        let folder = Folder::new("gateway");
        let [api, ops] = [ports::free(), ports::free()];
        let settings = vec![
            ("SIGNALBOX_API__LISTEN", format!("127.0.0.1:{api}")),
            ("SIGNALBOX_OPS__LISTEN", format!("127.0.0.1:{ops}")),
        ];
        let mut command = Command::new(binary().unwrap());
        command.arg("serve").envs(settings.iter().cloned()).current_dir(folder.path());
        let mut process = Process::spawn("serve", &mut command, &folder.path().join("serve.log"));
        process.wait_for("readiness", START, || {
            http::get(ops, "/readyz", None).is_some_and(|(status, _)| status == 200)
        });
        Serve { folder, settings, api, _process: process }
    }

    fn run(&self, arguments: &[&str]) {
        let mut command = Command::new(binary().unwrap());
        command.args(arguments).envs(self.settings.iter().cloned()).current_dir(self.folder.path());
        let output = output_of(&mut command).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn gateway(&self) -> Gateway {
        let mut command = Command::new("python3");
        command.arg(repository("samples/gateway.py")).current_dir(self.folder.path());
        command.env("SIGNALBOX_API__URL", format!("http://127.0.0.1:{}", self.api));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("python3 is installed");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("the gateway has ended").unwrap();
        assert!(first.starts_with("reading commands from"), "{first}");
        Gateway { child, lines }
    }
}

struct Gateway {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Gateway {
    /// Type and data of the next command that it prints.
    fn next(&mut self) -> (String, Value) {
        let line = self.lines.next().expect("the gateway has ended").unwrap();
        let (kind, data) = line.split_once(' ').unwrap();
        (kind.to_owned(), serde_json::from_str(data).unwrap())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_gateway_in_plain_python_handles_a_voicemail() {
    let serve = Serve::start();
    let voicemail = repository("samples/voicemail.json").display().to_string();
    serve.run(&["flow", "deploy", &voicemail, "--route", "call=+15550114"]);
    let mut gateway = serve.gateway();
    let data = r#"{"from":"+15550100","to":"+15550114"}"#;
    serve.run(&["event", "send", "--type", "call.incoming", "--subject", "call-9", "--data", data]);
    let kinds: Vec<String> = (0..4).map(|_| gateway.next().0).collect();
    assert_eq!(kinds, ["call.answer", "call.talk", "call.recording_start", "message.send"]);

    // After a restart, acknowledged commands are not redelivered. The last one may be, if the first gateway was killed before
    // it acknowledged it.
    drop(gateway);
    let mut gateway = serve.gateway();
    serve.run(&[
        "event",
        "send",
        "--type",
        "call.digits",
        "--subject",
        "call-9",
        "--data",
        r##"{"digits":"#"}"##,
    ]);
    let (mut kind, mut data) = gateway.next();
    if kind == "message.send" {
        (kind, data) = gateway.next();
    }
    let kinds = [kind, gateway.next().0, gateway.next().0];
    assert_eq!(kinds, ["call.recording_stop", "call.talk", "call.hangup"]);
    assert!(data["name"].as_str().is_some_and(|name| name.starts_with("voicemail-")), "{data}");
}
