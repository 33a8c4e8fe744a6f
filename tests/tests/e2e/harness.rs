//! Servers, running roles, a publisher of events and a consumer of commands.

use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::carrier::gateway::{COMMANDS, bind, keep_consuming};
use tests::carrier::{Command, Link, Outgoing};
use tests::chaos::{Fleet, Site};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub const SOURCE: &str = "sbc-1.example";
const QUEUE: &str = "test.commands";
/// Limit against a hanging test; commands arrive within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Harness {
    pub fleet: Fleet,
    pub site: Site,
    pub link: Link,
    commands: mpsc::UnboundedReceiver<Command>,
    events: u32,
    _stop: tokio_util::sync::DropGuard,
}

impl Harness {
    /// Starts servers and `roles`, and binds a queue to all commands.
    pub async fn open(roles: &[&str], settings: &[(&str, &str)]) -> Harness {
        let (site, fleet) = tokio::task::block_in_place(|| {
            let site = Site::open(settings).unwrap();
            let fleet = site.start(roles).unwrap();
            (site, fleet)
        });
        let url = site.rabbit.url();
        bind(&url, QUEUE, COMMANDS, &["#"]).await.unwrap();
        let (sender, commands) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let mut seen = HashSet::new();
        let consuming = keep_consuming(url.clone(), QUEUE.into(), stop.clone(), move |delivery| {
            if let Some(command) = Command::read(&delivery.data)
                && seen.insert(command.id.clone())
            {
                let _ = sender.send(command);
            }
        });
        tokio::spawn(consuming);
        Harness { fleet, link: Link::open(&url), site, commands, events: 0, _stop: stop.drop_guard() }
    }

    /// Deploys a file, with a route (`call=+15550111`) or as a subroutine without one.
    pub fn deploy(&self, file: &Path, route: Option<&str>) {
        let file = file.to_string_lossy();
        let mut arguments = vec!["flow", "deploy", &file];
        arguments.extend(route.iter().flat_map(|route| ["--route", route]));
        self.site.run(&arguments).unwrap();
    }

    /// Publishes an event with the current time and a new id. Returns when it is confirmed.
    pub async fn send(&mut self, kind: &str, subject: &str, data: Value) {
        self.send_at(&tests::carrier::event::now(), kind, subject, data).await;
    }

    /// Publishes an event that happened at `time`.
    pub async fn send_at(&mut self, time: &str, kind: &str, subject: &str, data: Value) {
        self.events += 1;
        let id = format!("event-{}", self.events);
        self.link.publish(Outgoing::event_at(SOURCE, &id, kind, subject, time, data)).await;
    }

    /// Publishes a call from `from` to `to`.
    pub async fn incoming_call(&mut self, subject: &str, from: &str, to: &str) {
        self.send("call.incoming", subject, json!({ "from": from, "to": to, "direction": "incoming" })).await;
    }

    pub async fn press(&mut self, subject: &str, digits: &str) {
        self.send("call.digits", subject, json!({ "digits": digits })).await;
    }

    /// Completes a command as a gateway does.
    pub async fn complete(&mut self, command: &Command) {
        let data = json!({ "command_id": command.id, "result": {} });
        self.send("command.completed", &command.subject, data).await;
    }

    /// The next command, of any type.
    pub async fn next(&mut self) -> Command {
        match tokio::time::timeout(TIMEOUT, self.commands.recv()).await {
            Ok(Some(command)) => command,
            _ => panic!("no command came within {TIMEOUT:?}; the logs:\n{}", self.ends_of_logs()),
        }
    }

    /// The next command, which must be of this type.
    pub async fn expect(&mut self, kind: &str) -> Command {
        let command = self.next().await;
        assert_eq!(command.kind, kind, "{command:?}");
        command
    }

    fn ends_of_logs(&self) -> String {
        let end = |text: &str| text.lines().rev().take(15).collect::<Vec<_>>().join("\n");
        self.site.logs().iter().map(|(path, text)| format!("{path}:\n{}\n", end(text))).collect()
    }
}

/// A flow of `samples/`.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name)
}
