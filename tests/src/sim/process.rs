//! One process: whether it lives, and what it reads and writes.

use super::fault::Fault;
use super::world::lock;
use common::member::Member;
use common::record::FORMAT;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One life of one process.
pub struct Process {
    pub name: String,
    /// Not one of the engine's: it does not die.
    person: bool,
    dead: AtomicBool,
    paused_until: Mutex<Duration>,
    /// The newest format of records that it reads, and the one that it writes.
    reads: u8,
    writes: AtomicU8,
    /// When its channel for commands broke last.
    broke_at: Mutex<Option<Duration>>,
}

impl Process {
    /// `reads` is the newest format of records that it reads.
    pub fn new(name: String, reads: u8) -> Arc<Process> {
        Arc::new(Process::made(name, reads, false))
    }

    /// Somebody who is served by the newest release.
    pub fn person(name: &str) -> Arc<Process> {
        Arc::new(Process::made(name.to_owned(), FORMAT + 1, true))
    }

    fn made(name: String, reads: u8, person: bool) -> Process {
        Process {
            name,
            person,
            reads,
            writes: AtomicU8::new(FORMAT),
            dead: AtomicBool::new(false),
            paused_until: Mutex::default(),
            broke_at: Mutex::default(),
        }
    }

    pub fn reads(&self) -> u8 {
        self.reads
    }

    pub fn writes(&self) -> u8 {
        self.writes.load(Ordering::Relaxed)
    }

    /// It writes the newest format that everybody on the member list reads.
    pub fn write_what_all_read(&self, members: &[Member]) {
        let all_read = members.iter().map(|member| member.formats.1).min().unwrap_or(FORMAT);
        self.writes.store(all_read.min(self.reads), Ordering::Relaxed);
    }

    /// What `fault` is to this process: who does not die loses an answer.
    pub fn suffers(&self, fault: Fault) -> Fault {
        match fault {
            Fault::CrashBefore if self.person => Fault::LostBefore,
            Fault::CrashAfter if self.person => Fault::LostAfter,
            fault => fault,
        }
    }

    /// Whether it lived until now.
    pub fn dies(&self) -> bool {
        !self.dead.swap(true, Ordering::Relaxed)
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn broke_at(&self) -> Option<Duration> {
        *lock(&self.broke_at)
    }

    pub fn breaks(&self, now: Duration) {
        *lock(&self.broke_at) = Some(now);
    }

    pub fn paused_until(&self) -> Duration {
        *lock(&self.paused_until)
    }

    /// As SIGSTOP does, until `until`.
    pub fn pause(&self, until: Duration) {
        *lock(&self.paused_until) = until;
    }
}
