//! Load on the configured services, and what it measures. The roles run in this process over the real ports, with a probe
//! in between that writes down when each activeflow ended; performance.md names the figures.
//!
//! ```text
//! carrier ─► queue or intake ─► roles ── probe ──► store       gateway ◄─ commands
//!    └─────────── log: left, ended, commands that came ──────────┘
//! ```

mod amqp;
pub mod figure;
mod flows;
mod guard;
mod harness;
mod latency;
mod memory;
mod parked;
mod plan;
mod probe;
mod run_log;
mod scratch;
mod throughput;
mod timers;
mod traffic;
mod usage;

pub use harness::{BenchHarness, Commit};
pub use plan::{MOST_STEPS, Plan};

use crate::failure::Failure;
use figure::Figure;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

type Measured<'a> = BoxFuture<'a, Result<Vec<Figure>, Failure>>;

pub struct Measurement {
    pub id: &'static str,
    pub what: &'static str,
    /// Store for which it is meaningful.
    on: On,
    /// The kind of commit that it is about.
    commit: Option<Commit>,
    pub run: for<'a> fn(&'a BenchHarness, &'a Plan) -> Measured<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum On {
    Any,
    Redis,
    Embedded,
}

/// Idle figures are measured first, while this process has done nothing else.
pub const ALL: [Measurement; 10] = [
    measurement("M1", "memory and CPU, idle and full", On::Any, None, |s, p| memory::m1(s, p).boxed()),
    measurement("P1a", "commands, a commit per action", On::Any, Some(Commit::Action), |s, p| {
        throughput::p1a(s, p).boxed()
    }),
    measurement("P1b", "commands, one commit", On::Any, Some(Commit::Run), |s, p| {
        throughput::p1b(s, p).boxed()
    }),
    measurement("P2a", "no commands, a commit per action", On::Any, Some(Commit::Action), |s, p| {
        throughput::p2a(s, p).boxed()
    }),
    measurement("P2b", "no commands, one commit", On::Redis, Some(Commit::Run), |s, p| {
        throughput::p2b(s, p).boxed()
    }),
    measurement("P3", "no commands, one commit, embedded", On::Embedded, Some(Commit::Run), |s, p| {
        throughput::p3(s, p).boxed()
    }),
    measurement("L1", "latency at 100/s", On::Any, None, |s, p| latency::l1(s, p).boxed()),
    measurement("T1", "timers", On::Any, None, |s, p| timers::t1(s, p).boxed()),
    measurement("M2", "a parked activeflow", On::Any, None, |s, p| parked::m2(s, p).boxed()),
    measurement("S1", "CPU per activeflow", On::Any, Some(Commit::Run), |s, p| throughput::s1(s, p).boxed()),
];

const fn measurement(
    id: &'static str,
    what: &'static str,
    on: On,
    commit: Option<Commit>,
    run: for<'a> fn(&'a BenchHarness, &'a Plan) -> Measured<'a>,
) -> Measurement {
    Measurement { id, what, on, commit, run }
}

/// The measurements that a plan means: those of `only`, or all that fit store and commit.
pub fn chosen(only: &[String], plan: &Plan, embedded: bool) -> Vec<&'static Measurement> {
    let here = if embedded { On::Embedded } else { On::Redis };
    let fits = |m: &&Measurement| {
        (m.on == On::Any || m.on == here)
            && (plan.commit.is_none() || m.commit.is_none() || m.commit == plan.commit)
    };
    let named = |m: &&Measurement| only.is_empty() || only.iter().any(|id| id.eq_ignore_ascii_case(m.id));
    ALL.iter().filter(fits).filter(named).collect()
}
