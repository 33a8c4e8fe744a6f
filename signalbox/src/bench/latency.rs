//! L1: from an event's leaving to the end of its activeflow, at 100 a second.

use super::Plan;
use super::figure::{Figure, Goal, millis, percentile};
use super::flows::Flow;
use super::stand::{Stand, ended};
use crate::failure::Failure;
use crate::host::ALL;

const RATE: u32 = 100;
const EVENTS: usize = 600;
/// The first sixth is warming up.
const WARM: usize = 6;

pub async fn l1(stand: &Stand, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let plain = at_rate(stand, plan, Flow::Plain { steps: plan.steps }, "without commands").await?;
    let commands = at_rate(stand, plan, Flow::Commands { steps: plan.steps }, "with commands").await?;
    Ok([plain, commands].concat())
}

async fn at_rate(stand: &Stand, plan: &Plan, flow: Flow, how: &str) -> Result<Vec<Figure>, Failure> {
    let book = stand.book(flow, plan.events(EVENTS));
    let _gateway = stand.gateway(&book).await?;
    let running = stand.start(&ALL, plan.commit());
    stand.source.pace(&book, RATE).await?;
    let faults = ended(&book).await;
    running.stop().await;
    super::judge(flow, faults)?;
    let mut latencies = book.latencies(book.len() / WARM);
    let mut figure = |name: &str, share, goal| {
        let what = format!("event to end at {RATE}/s, {how}, {name}");
        Figure::new("L1", what, millis(percentile(&mut latencies, share)), "ms", Goal::Ratio(goal))
    };
    Ok(vec![figure("p50", 0.5, "≤ 1.5 × floor"), figure("p99", 0.99, "≤ 2.2 × floor")])
}
