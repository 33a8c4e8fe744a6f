//! A private redis-server.

use super::ports;
use super::process::{Folder, Process, Signal};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const START: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct RedisOptions {
    pub appendonly: bool,
    /// `always`, `everysec` or `no`.
    pub fsync: &'static str,
    /// Whether it is a cluster of one node that owns all slots.
    pub cluster: bool,
    pub extra: Vec<String>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        RedisOptions { appendonly: false, fsync: "everysec", cluster: false, extra: Vec::new() }
    }
}

pub struct Redis {
    process: Option<Process>,
    options: RedisOptions,
    port: u16,
    folder: Folder,
}

impl Redis {
    pub fn start(options: RedisOptions) -> Redis {
        let port = free_with_bus_port();
        let mut redis = Redis { process: None, options, port, folder: Folder::new("redis") };
        redis.launch();
        if redis.options.cluster {
            redis.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
            redis.wait_for("cluster_state:ok", |redis| {
                redis.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill9();
        }
    }

    /// Restarts the server on the same port and folder.
    pub fn restart(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal(Signal::Term);
            process.wait(START);
        }
        self.launch();
        if self.options.cluster {
            self.wait_for("cluster_state:ok", |redis| {
                redis.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
            });
        }
    }

    /// Pauses the server with SIGSTOP: connections stay open, nothing answers.
    pub fn stop_process(&self) {
        self.process.iter().for_each(|process| process.signal(Signal::Stop));
    }

    pub fn cont(&self) {
        self.process.iter().for_each(|process| process.signal(Signal::Cont));
    }

    /// Sends a command over a new connection. Returns the raw answer.
    pub fn ask(&self, words: &[&str]) -> String {
        ask(self.port, words).unwrap_or_else(|e| format!("-{e}"))
    }

    fn launch(&mut self) {
        let yes = |flag| if flag { "yes" } else { "no" };
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.args(["--appendonly", yes(self.options.appendonly), "--appendfsync", self.options.fsync]);
        command.args(["--maxmemory-policy", "noeviction"]).arg("--dir").arg(self.folder.path());
        if self.options.cluster {
            command.args(["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
        }
        command.args(&self.options.extra);
        let log = self.folder.path().join("redis.log");
        self.process = Some(Process::spawn("redis-server", &mut command, &log));
        self.wait_for("an answer to PING", |redis| redis.ask(&["PING"]).starts_with("+PONG"));
    }

    fn wait_for(&mut self, what: &str, condition: impl Fn(&Redis) -> bool) {
        if let Some(mut process) = self.process.take() {
            process.wait_for(what, START, || condition(self));
            self.process = Some(process);
        }
    }
}

/// A cluster node also listens on port + 10,000.
fn free_with_bus_port() -> u16 {
    loop {
        let port = ports::free();
        if port < 55_000 && TcpStream::connect((Ipv4Addr::LOCALHOST, port + 10_000)).is_err() {
            return port;
        }
    }
}

fn ask(port: u16, words: &[&str]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = format!("*{}\r\n", words.len());
    words.iter().for_each(|word| request.push_str(&format!("${}\r\n{word}\r\n", word.len())));
    stream.write_all(request.as_bytes())?;
    let mut answer = vec![0; 65_536];
    let size = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..size]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_node_owns_all_slots_and_survives_kill_9() {
        let options =
            RedisOptions { appendonly: true, fsync: "always", cluster: true, ..RedisOptions::default() };
        let mut redis = Redis::start(options);
        assert!(redis.ask(&["SET", "a", "1"]).starts_with("+OK"));
        redis.kill9();
        assert!(redis.ask(&["PING"]).starts_with('-'));
        redis.restart();
        assert!(redis.ask(&["GET", "a"]).ends_with("1\r\n"));
        redis.stop_process();
        assert!(redis.ask(&["PING"]).starts_with('-'));
        redis.cont();
        assert!(redis.ask(&["PING"]).starts_with("+PONG"));
        let folder = redis.dir().to_owned();
        drop(redis);
        assert!(!folder.exists());
    }
}
