//! Roles that start before their servers: they wait, say for what, are not ready meanwhile, and continue.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use tests::chaos::Site;
use tests::chaos::site::binary;
use tests::support::process::Process;
use tests::support::{Signal, ports};

/// Limit against a hanging test.
const LIMIT: Duration = Duration::from_secs(90);

struct Started {
    process: Process,
    ops: u16,
}

impl Started {
    fn start(site: &Site, role: &str) -> Started {
        let ops = ports::free();
        let mut command = Command::new(binary().unwrap());
        command
            .arg(role)
            .envs(site.env.iter().cloned())
            .env("SIGNALBOX_OPS__LISTEN", format!("127.0.0.1:{ops}"))
            .env("SIGNALBOX_API__LISTEN", format!("127.0.0.1:{}", ports::free()))
            .env("SIGNALBOX_API__BOOTSTRAP_KEY", "9f1c2b7a4e8d0f6351bc")
            .env("SIGNALBOX_LOG__FORMAT", "text");
        let log = site.folder().join(format!("{role}-{ops}.log"));
        Started { process: Process::spawn(role, &mut command, &log), ops }
    }

    /// Waits until `/readyz` answers with this status and text.
    fn answers(&mut self, status: u16, text: &str) {
        let ops = self.ops;
        self.process.wait_for(&format!("/readyz {status} with `{text}`"), LIMIT, || {
            get(ops, "/readyz").is_some_and(|answer| answer.0 == status && answer.1.contains(text))
        });
    }

    fn lines(&self, part: &str) -> usize {
        self.process.log().lines().filter(|line| line.contains(part)).count()
    }
}

fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some((answer.split(' ').nth(1)?.parse().ok()?, answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_starts_before_its_servers_waits_for_them() {
    tokio::task::block_in_place(|| {
        let mut site = Site::open(&[]).unwrap();
        site.rabbit.stop();
        site.redis.kill9();
        let mut roles =
            ["dispatcher", "executor", "scheduler", "api", "serve"].map(|role| Started::start(&site, role));
        for role in &mut roles {
            role.answers(503, "store failed: waiting for the state store at redis://127.0.0.1");
            assert_eq!(get(role.ops, "/livez").map(|answer| answer.0), Some(200));
            assert!(get(role.ops, "/metrics").unwrap().1.contains("signalbox_build_info"));
        }

        site.redis.restart();
        for role in &mut roles {
            role.answers(503, "broker failed: waiting for the broker at amqp://guest:***@127.0.0.1");
            assert_eq!(role.lines("(redis.url) is away: Connection refused"), 1, "{}", role.process.log());
            assert_eq!(role.lines("(redis.url) is there after"), 1, "{}", role.process.log());
        }
        let stopped = Started::start(&site, "executor");
        ends_when_told(stopped);

        site.rabbit.restart();
        for role in &mut roles {
            role.answers(200, "ready");
            assert_eq!(role.lines("(amqp.url) is away: connecting to RabbitMQ"), 1, "{}", role.process.log());
            assert!(!role.process.log().contains("guest:guest"), "{}", role.process.log());
        }
    });
}

/// A role that waits ends at once, and in order, when it is stopped.
fn ends_when_told(mut role: Started) {
    role.answers(503, "broker failed: waiting for the broker");
    role.process.signal_one(Signal::Term);
    let status = role.process.wait(LIMIT).expect("it ends");
    assert!(status.success(), "{status}: {}", role.process.log());
    assert_eq!(role.lines("stopped before its services were there"), 1, "{}", role.process.log());
}
