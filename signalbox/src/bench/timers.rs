//! T1: how late waits fire that are due over ten seconds, and how quickly a backlog of due waits is swept.

use super::figure::{Figure, Goal, millis, percentile};
use super::flows::Flow;
use super::harness::{BenchHarness, Commit, ended, until};
use super::plan::{Plan, check_run};
use super::run_log::RunLog;
use crate::failure::Failure;
use crate::host::ALL;
use common::Shard;
use common::member::Role;
use common::ports::{Intake, Upkeep};
use futures_util::future::try_join_all;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

const EVENTS: usize = 5_000;
/// Over which the waits are due.
const SPREAD: Duration = Duration::from_secs(10);
/// A machine that parks fewer a second needs a smaller number of events.
const PARKED_A_SECOND: u32 = 1_500;
const HEAD_START: Duration = Duration::from_secs(2);

pub async fn t1(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let events = plan.events(EVENTS);
    let mut figures = lateness(harness, events).await?;
    figures.push(backlog(harness, events).await?);
    Ok(figures)
}

/// All are parked first, then they come due one after another.
async fn lateness(harness: &BenchHarness, events: usize) -> Result<Vec<Figure>, Failure> {
    let log = harness.log(Flow::Wait, events);
    let running = harness.start(&ALL, Commit::Run);
    let first = Instant::now() + HEAD_START + Duration::from_secs(events as u64) / PARKED_A_SECOND;
    park(harness, &log, |number| first + SPREAD * number as u32 / events as u32).await?;
    let faults = ended(&log).await;
    let mut late = harness.probe.0.take_lateness();
    running.stop().await;
    let figure = |what: &str, value, unit, goal| Figure::new("T1", what, value, unit, goal);
    let name = |what: &str| format!("{events} waits due over {} s, {what}", SPREAD.as_secs());
    Ok(vec![
        figure(&name("lateness p50"), millis(percentile(&mut late, 0.5)), "ms", Goal::None),
        figure(&name("lateness p99"), millis(percentile(&mut late, 0.99)), "ms", Goal::AtMost(10.0)),
        figure(&name("lateness max"), millis(percentile(&mut late, 1.0)), "ms", Goal::AtMost(50.0)),
        figure(&name("lost"), faults.lost as f64, "", Goal::AtMost(0.0)),
        figure(&name("fired twice"), faults.doubled as f64, "", Goal::AtMost(0.0)),
    ])
}

/// Nobody sweeps until all are due.
async fn backlog(harness: &BenchHarness, events: usize) -> Result<Figure, Failure> {
    let log = harness.log(Flow::Wait, events);
    let running = harness.start(&[Role::Dispatcher, Role::Executor], Commit::Run);
    let due = Instant::now() + HEAD_START + Duration::from_secs(events as u64) / PARKED_A_SECOND;
    park(harness, &log, |_| due).await?;
    // Executors are idle while the sweeps are measured.
    running.stop().await;
    sleep_until(due + Duration::from_millis(100)).await;
    let begun = Instant::now();
    try_join_all((0..harness.probe.shards()).map(|shard| sweep(harness, Shard(shard)))).await?;
    let took = begun.elapsed();
    let swept = harness.probe.0.take_lateness().len();
    let running = harness.start(&ALL, Commit::Run);
    let faults = ended(&log).await;
    running.stop().await;
    check_run(Flow::Wait, faults)?;
    let what = format!("backlog of {events} due waits through sweep");
    Ok(Figure::new("T1", what, swept as f64 / took.as_secs_f64(), "waits/s", Goal::AtLeast(50_000.0)))
}

async fn park(harness: &BenchHarness, log: &RunLog, due: impl Fn(usize) -> Instant) -> Result<(), Failure> {
    let wait_ms = |number| due(number).saturating_duration_since(Instant::now()).as_millis() as u64;
    harness.source.fill(log, 0..log.len(), wait_ms).await?;
    until(log.len(), || log.parked_so_far()).await;
    Ok(())
}

async fn sweep(harness: &BenchHarness, shard: Shard) -> Result<(), Failure> {
    while harness.probe.sweep(shard, &[]).await?.more {}
    Ok(())
}
