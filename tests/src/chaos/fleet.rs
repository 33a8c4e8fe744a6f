//! The processes under test: each a role of the real binary, configured by environment, with its log in a file.
//!
//! A life of a process may end by a kill -9 at any time; what it counted until then is read just before and kept.

use super::metrics::{self, Readings};
use crate::support::{Process, Signal, ports};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// Long enough for a start on a machine under load; a guard against hanging.
const START: Duration = Duration::from_secs(60);

/// Several processes that share a configuration.
pub struct Fleet {
    pub members: Vec<Member>,
}

/// One role, over all its lives.
pub struct Member {
    pub name: String,
    pub role: String,
    pub ops_port: u16,
    pub kills: u32,
    binary: PathBuf,
    env: Vec<(String, String)>,
    log: PathBuf,
    life: Option<Process>,
    /// Counts of earlier process instances.
    past: Readings,
}

impl Fleet {
    /// Starts `roles` (one process for each mention), numbered, with `env` and logs in `folder`.
    pub fn start(binary: &Path, roles: &[&str], env: &[(String, String)], folder: &Path) -> Fleet {
        let member = |(index, role): (usize, &&str)| {
            let number = roles[..=index].iter().filter(|other| *other == role).count();
            let name = format!("{role}-{number}");
            let mut member = Member {
                log: folder.join(format!("{name}.log")),
                name,
                role: (*role).to_owned(),
                ops_port: ports::free(),
                kills: 0,
                binary: binary.to_owned(),
                env: env.to_vec(),
                life: None,
                past: Readings::new(),
            };
            member.revive();
            member
        };
        Fleet { members: roles.iter().enumerate().map(member).collect() }
    }

    /// Returns when every member answers `/readyz` with 200.
    pub fn wait_until_ready(&mut self) {
        for member in &mut self.members {
            let port = member.ops_port;
            if let Some(life) = &mut member.life {
                life.wait_for("readiness", START, || is_ready(port));
            }
        }
    }

    pub fn member(&mut self, name: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.name == name)
    }

    pub fn of_role<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |member| member.role == role)
    }

    /// Everything that all lives of all members counted.
    pub async fn counted(&self) -> Readings {
        let mut sum = Readings::new();
        for member in &self.members {
            metrics::add(&mut sum, &member.counted().await);
        }
        sum
    }
}

impl Member {
    /// Starts the next life.
    pub fn revive(&mut self) {
        let mut command = Command::new(&self.binary);
        command
            .arg(&self.role)
            .envs(self.env.iter().cloned())
            .env("SIGNALBOX_OPS__LISTEN", format!("127.0.0.1:{}", self.ops_port));
        self.life = Some(Process::spawn(&self.name, &mut command, &self.log));
    }

    /// Adds a variable to the environment of its next lives.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Ends the present life politely, after its counters were read. Returns its exit status, or `None` after `limit`.
    pub async fn end(&mut self, limit: Duration) -> Option<ExitStatus> {
        if let Some(now) = metrics::read(self.ops_port).await {
            metrics::add(&mut self.past, &now);
        }
        self.signal(Signal::Term);
        let ended = tokio::task::block_in_place(|| self.wait(limit));
        self.life = None;
        ended
    }

    /// Kill -9, after its counters were read.
    pub async fn kill(&mut self) {
        if let Some(now) = metrics::read(self.ops_port).await {
            metrics::add(&mut self.past, &now);
        }
        if let Some(mut life) = self.life.take() {
            life.kill9();
        }
        self.kills += 1;
    }

    /// Process id of the present life.
    pub fn id(&self) -> Option<u32> {
        self.life.as_ref().map(Process::id)
    }

    pub fn signal(&self, signal: Signal) {
        self.life.iter().for_each(|life| life.signal_one(signal));
    }

    /// False when the present life ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.life.as_mut().is_some_and(Process::is_running)
    }

    /// Waits for the end of the present life.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.life.as_mut().and_then(|life| life.wait(limit))
    }

    /// Counts of all process instances so far.
    pub async fn counted(&self) -> Readings {
        let mut sum = self.past.clone();
        if let Some(now) = metrics::read(self.ops_port).await {
            metrics::add(&mut sum, &now);
        }
        sum
    }

    /// The last line of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().last().unwrap_or_default().to_owned()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.life.as_ref()?.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1_024)
    }
}

fn is_ready(port: u16) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), START)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
