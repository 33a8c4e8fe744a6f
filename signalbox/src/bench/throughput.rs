//! P1a, P1b, P2a, P2b, P3: activeflows a second from a backlog; S1: the CPU that each takes.

use super::figure::{Figure, Goal};
use super::flows::Flow;
use super::harness::{BenchHarness, Commit, ended};
use super::plan::{Plan, check_run};
use super::run_log::RunLog;
use super::usage;
use crate::failure::Failure;
use crate::host::ALL;
use futures_util::TryStreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

const EVENTS: usize = 10_000;
/// Without commands each takes a third of the time.
const PLAIN_EVENTS: usize = 20_000;
/// Activeflows that are open at the same time where no queue holds a backlog.
const OPEN: usize = 1_024;

pub struct Load {
    pub per_second: f64,
    pub events: usize,
    /// Of this process: engine, carrier and gateway.
    pub cpu: Duration,
    pub redis_cpu: Option<Duration>,
    pub peak_resident: u64,
}

pub async fn p1a(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let goal = Goal::Ratio("≥ 0.80 × floor");
    one(harness, plan, "P1a", Flow::Commands { steps: plan.steps }, Commit::Action, goal).await
}

pub async fn p1b(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let goal = Goal::Ratio("≥ 0.85 × floor");
    one(harness, plan, "P1b", Flow::Commands { steps: plan.steps }, Commit::Run, goal).await
}

pub async fn p2a(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let goal = Goal::Ratio("≥ 0.70 × floor");
    one(harness, plan, "P2a", Flow::Plain { steps: plan.steps }, Commit::Action, goal).await
}

/// Embedded it is P3.
pub async fn p2b(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let goal = Goal::Ratio("≥ 0.60 × floor");
    one(harness, plan, "P2b", Flow::Plain { steps: plan.steps }, Commit::Run, goal).await
}

pub async fn p3(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let goal = Goal::Ratio("≥ 1.5 × P2b on Redis");
    one(harness, plan, "P3", Flow::Plain { steps: plan.steps }, Commit::Run, goal).await
}

pub async fn s1(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let load = load(harness, Flow::Commands { steps: plan.steps }, Commit::Run, plan.events(EVENTS)).await?;
    let each = |cpu: Duration| cpu.as_secs_f64() * 1_000.0 / load.events as f64;
    let what = "CPU per activeflow of P1b, engine with carrier and gateway";
    let mut figures = vec![Figure::new("S1", what, each(load.cpu), "ms", Goal::AtMost(0.2))];
    if let Some(cpu) = load.redis_cpu {
        let what = "CPU per activeflow of P1b, Redis";
        figures.push(Figure::new("S1", what, each(cpu), "ms", Goal::AtMost(0.1)));
    }
    Ok(figures)
}

async fn one(
    harness: &BenchHarness,
    plan: &Plan,
    id: &'static str,
    flow: Flow,
    commit: Commit,
    goal: Goal,
) -> Result<Vec<Figure>, Failure> {
    let events = plan.events(if flow.commands() > 0 { EVENTS } else { PLAIN_EVENTS });
    let commands = if flow.commands() > 0 { "with a confirmed command each" } else { "without commands" };
    let how = match commit {
        Commit::Action => "a commit per action",
        Commit::Run => "one commit",
    };
    let load = load(harness, flow, commit, events).await?;
    let what = format!("{} actions {commands}, {how}", plan.steps);
    Ok(vec![Figure::new(id, what, load.per_second, "activeflows/s", goal)])
}

/// Runs `events` activeflows as fast as they go. Where a queue stands in front of the engine, it is filled beforehand.
pub async fn load(
    harness: &BenchHarness,
    flow: Flow,
    commit: Commit,
    events: usize,
) -> Result<Load, Failure> {
    let log = harness.log(flow, events);
    let _gateway = harness.gateway(&log).await?;
    if harness.source.has_queue() {
        harness.source.fill(&log, 0..events, |_| 0).await?;
    }
    let (cpu, redis_cpu) = (usage::cpu(), redis_cpu(harness).await?);
    let peak = Arc::new(AtomicU64::new(0));
    let _watch = watch_memory(peak.clone());
    let running = harness.start(&ALL, commit);
    if !harness.source.has_queue() {
        in_turn(harness, &log).await?;
    }
    let faults = ended(&log).await;
    let load = Load {
        per_second: events as f64 / log.span().as_secs_f64(),
        events,
        cpu: usage::cpu() - cpu,
        redis_cpu: redis_cpu.zip(self::redis_cpu(harness).await?).map(|(before, after)| after - before),
        peak_resident: peak.load(Ordering::Relaxed),
    };
    running.stop().await;
    check_run(flow, faults)?;
    Ok(load)
}

/// Sends the next event when one of so many has ended.
async fn in_turn(harness: &BenchHarness, log: &Arc<RunLog>) -> Result<(), Failure> {
    let numbers = futures_util::stream::iter((0..log.len()).map(Ok::<usize, Failure>));
    numbers
        .try_for_each_concurrent(OPEN, async |number| {
            harness.source.send(log, number as u32, 0).await?;
            while number >= log.ended_so_far() + OPEN {
                sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        })
        .await
}

fn watch_memory(peak: Arc<AtomicU64>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            peak.fetch_max(usage::resident(), Ordering::Relaxed);
            sleep(Duration::from_millis(50)).await;
        }
    }))
}

async fn redis_cpu(harness: &BenchHarness) -> Result<Option<Duration>, Failure> {
    let Some(server) = &harness.server else { return Ok(None) };
    let info = server.info().await?;
    let seconds = |name: &str| info.get(name).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok(Some(Duration::from_secs_f64(seconds("used_cpu_user") + seconds("used_cpu_sys"))))
}
