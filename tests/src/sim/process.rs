//! One process instance: whether it is alive, and which record formats it reads and writes.

use super::fault::Fault;
use super::simulation::lock;
use common::member::{Member, written_format};
use common::record::{FORMAT, OLDEST_FORMAT};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One process, from its start to its death.
pub struct Process {
    pub name: String,
    /// Whether it is a client instead of a process of the engine. Clients do not die.
    external: bool,
    dead: AtomicBool,
    paused_until: Mutex<Duration>,
    /// The newest record format that it reads, and the one that it writes.
    reads: u8,
    writes: AtomicU8,
    /// Time at which its channel for commands broke last.
    broke_at: Mutex<Option<Duration>>,
}

impl Process {
    /// `reads` is the newest record format that it reads.
    pub fn new(name: String, reads: u8) -> Arc<Process> {
        Arc::new(Process::made(name, reads, false))
    }

    /// A client of the newest release.
    pub fn external(name: &str) -> Arc<Process> {
        Arc::new(Process::made(name.to_owned(), FORMAT + 1, true))
    }

    fn made(name: String, reads: u8, external: bool) -> Process {
        Process {
            name,
            external,
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

    /// Chooses the newest format that every member reads.
    pub fn write_what_all_read(&self, members: &[Member]) {
        self.writes.store(written_format((OLDEST_FORMAT, self.reads), members), Ordering::Relaxed);
    }

    /// `fault` as it affects this process: a client loses the answer instead of dying.
    pub fn apply_to(&self, fault: Fault) -> Fault {
        match fault {
            Fault::CrashBefore if self.external => Fault::LostBefore,
            Fault::CrashAfter if self.external => Fault::LostAfter,
            fault => fault,
        }
    }

    /// Marks the process as dead. Returns whether it was alive.
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

    /// Pauses the process until `until`, as SIGSTOP does.
    pub fn pause(&self, until: Duration) {
        *lock(&self.paused_until) = until;
    }
}
