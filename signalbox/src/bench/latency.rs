//! L1: from an event's leaving to the end of its activeflow, at 100 a second.

use super::figure::{Figure, Goal, millis, percentile};
use super::flows::Flow;
use super::harness::{BenchHarness, ended};
use super::plan::{Plan, check_run};
use crate::failure::Failure;
use crate::host::ALL;

const RATE: u32 = 100;
const EVENTS: usize = 600;
/// The first sixth is warming up.
const WARM: usize = 6;

pub async fn l1(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let plain = at_rate(harness, plan, Flow::Plain { steps: plan.steps }, "without commands").await?;
    let commands = at_rate(harness, plan, Flow::Commands { steps: plan.steps }, "with commands").await?;
    Ok([plain, commands].concat())
}

async fn at_rate(harness: &BenchHarness, plan: &Plan, flow: Flow, how: &str) -> Result<Vec<Figure>, Failure> {
    let log = harness.log(flow, plan.events(EVENTS));
    let _gateway = harness.gateway(&log).await?;
    let running = harness.start(&ALL, plan.commit());
    harness.source.pace(&log, RATE).await?;
    let faults = ended(&log).await;
    running.stop().await;
    check_run(flow, faults)?;
    let mut latencies = log.latencies(log.len() / WARM);
    let mut figure = |name: &str, share, goal| {
        let what = format!("event to end at {RATE}/s, {how}, {name}");
        Figure::new("L1", what, millis(percentile(&mut latencies, share)), "ms", Goal::Ratio(goal))
    };
    Ok(vec![figure("p50", 0.5, "≤ 1.5 × floor"), figure("p99", 0.99, "≤ 2.2 × floor")])
}
