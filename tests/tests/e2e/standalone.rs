//! `signalbox serve` with its own data folder, and the commands that use its API.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tests::chaos::Fleet;
use tests::chaos::site::binary;
use tests::support::process::{Folder, output_of};
use tests::support::{Process, Signal, ports};

/// Limit against a hanging test.
pub const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Standalone {
    pub env: Vec<(String, String)>,
    pub api: String,
    pub folder: Folder,
    fleet: Option<Fleet>,
}

impl Standalone {
    /// A folder without a running process; `settings` are `SIGNALBOX_…` variables.
    pub fn new(settings: &[(&str, &str)]) -> Standalone {
        let folder = Folder::new("standalone");
        let api = format!("127.0.0.1:{}", ports::free());
        let data = folder.path().join("data").to_string_lossy().into_owned();
        let own = [("SIGNALBOX_DATA__DIR", data.as_str()), ("SIGNALBOX_API__LISTEN", &api)];
        let env = own.iter().chain(settings).map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Standalone { env, api, folder, fleet: None }
    }

    /// A folder with `serve` running and ready.
    pub fn open(settings: &[(&str, &str)]) -> Standalone {
        let mut standalone = Standalone::new(settings);
        standalone.start();
        standalone
    }

    /// Starts `serve` on the folder and waits until it is ready.
    pub fn start(&mut self) {
        let mut fleet = Fleet::start(binary().unwrap(), &["serve"], &self.env, self.folder.path());
        fleet.wait_until_ready();
        self.fleet = Some(fleet);
    }

    pub fn kill9(&mut self) {
        self.fleet = None;
    }

    /// Sends SIGTERM. Returns whether the process ended in time with exit code 0.
    pub fn stop(&mut self) -> bool {
        let Some(mut fleet) = self.fleet.take() else { return false };
        let member = &mut fleet.members[0];
        member.signal(Signal::Term);
        member.wait(TIMEOUT).is_some_and(|status| status.success())
    }

    /// Starts a command that keeps running and prints to `NAME.log` in the folder.
    pub fn spawn(&self, name: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(binary().unwrap());
        command.args(arguments).env("SIGNALBOX_OPS__LISTEN", "").envs(self.env.iter().cloned());
        Process::spawn(name, &mut command, &self.folder.path().join(format!("{name}.log")))
    }

    /// Port of `/metrics` of the running process.
    pub fn ops_port(&self) -> u16 {
        self.fleet.as_ref().unwrap().members[0].ops_port
    }

    /// Sends a GET without waiting for the end of the answer; returns what arrives until `wanted` is in it.
    pub fn get_until(&self, address: &str, path: &str, wanted: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let key = std::fs::read_to_string(self.data().join("api-key")).unwrap();
        let key = key.trim();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&answer).into_owned();
            if text.contains(wanted) {
                return text;
            }
            let mut part = [0; 4_096];
            let length =
                stream.read(&mut part).unwrap_or_else(|error| panic!("{path}: {error} after {text}"));
            assert!(length > 0, "{path} ended without `{wanted}`: {text}");
            answer.extend_from_slice(&part[..length]);
        }
    }

    /// Address of the listener for operators.
    pub fn ops(&self) -> String {
        format!("127.0.0.1:{}", self.fleet.as_ref().unwrap().members[0].ops_port)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve-1.log")).unwrap_or_default()
    }

    /// Runs a command to its end, with any exit code.
    pub fn try_run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(binary().unwrap());
        command.args(arguments).stdin(Stdio::null());
        command.env_clear().envs(std::env::vars_os().filter(|(name, _)| !is_setting(name)));
        command.env("SIGNALBOX_OPS__LISTEN", "").envs(self.env.iter().cloned());
        output_of(command.envs(settings.iter().copied())).unwrap()
    }

    /// Standard output of a command that must succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments, &[]);
        let log = self.log();
        let end = log.lines().rev().take(20).collect::<Vec<_>>().join("\n");
        assert!(
            output.status.success(),
            "{arguments:?}: {}\n{}\nserve:\n{end}",
            output.status,
            text_of(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Output of a command that must fail with `code`.
    pub fn refused(&self, arguments: &[&str], settings: &[(&str, &str)], code: i32) -> String {
        let output = self.try_run(arguments, settings);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {settings:?}: {}", text_of(&output));
        text_of(&output)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.run(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {text}"))
    }

    /// Deploys the IVR sample at +15550111.
    pub fn deploy_ivr(&self) {
        self.run(&["flow", "deploy", &sample("opening-hours.json")]);
        self.run(&["flow", "deploy", &sample("ivr.json"), "--route", "call=+15550111"]);
    }

    /// Sends an event. Returns its outcome.
    pub fn send(&self, kind: &str, subject: &str, data: &str) -> Value {
        self.json(&["event", "send", "--type", kind, "--subject", subject, "--data", data])
    }

    /// Polls the only activeflow until `wanted` holds.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let list = self.json(&["activeflow", "list"]);
            let rows = list.as_array().unwrap();
            assert!(rows.len() <= 1, "more than one activeflow: {list}");
            if let Some(row) = rows.first()
                && wanted(row)
            {
                return row.clone();
            }
            assert!(Instant::now() < deadline, "{what} did not happen: {list}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

pub fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

pub fn sample(name: &str) -> String {
    crate::harness::sample(name).to_string_lossy().into_owned()
}

fn is_setting(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("SIGNALBOX_")
}
