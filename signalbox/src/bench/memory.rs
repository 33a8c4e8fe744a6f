//! M1: what the process takes when nothing happens, and when it is full.

use super::figure::{Figure, Goal, MIB};
use super::flows::Flow;
use super::harness::{BenchHarness, Commit};
use super::plan::Plan;
use super::throughput::load;
use super::usage;
use crate::failure::Failure;
use crate::host::ALL;
use std::time::Duration;
use tokio::time::sleep;

const EVENTS: usize = 10_000;
/// Time until start-up work is done.
const SETTLE: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(4);

pub async fn m1(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let running = harness.start(&ALL, Commit::Run);
    sleep(SETTLE).await;
    let (cpu, resident) = (usage::cpu(), usage::resident());
    sleep(IDLE).await;
    let share = (usage::cpu() - cpu).as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    running.stop().await;
    let flow = Flow::Commands { steps: plan.steps };
    let full = load(harness, flow, Commit::Run, plan.events(EVENTS)).await?;
    let held = harness.config.executor.capacity;
    let peak = format!("memory with {held} in flight, carrier and gateway in it");
    Ok(vec![
        Figure::new("M1", "memory when idle, all roles", resident as f64 / MIB, "MiB", Goal::AtMost(32.0)),
        Figure::new("M1", "CPU when idle, all roles", share, "% of a core", Goal::AtMost(1.0)),
        Figure::new("M1", peak, full.peak_resident as f64 / MIB, "MiB", Goal::AtMost(100.0)),
    ])
}
