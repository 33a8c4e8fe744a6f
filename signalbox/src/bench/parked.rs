//! M2: what an activeflow costs that waits: bytes of Redis by what they are for, or bytes on disk and in memory.

use super::figure::{Figure, Goal};
use super::flows::Flow;
use super::harness::{BenchHarness, Commit, until};
use super::plan::Plan;
use super::usage;
use crate::failure::Failure;
use crate::host::ALL;
use adapters::redis::{Footprint, Server};
use std::collections::BTreeMap;

const EVENTS: usize = 10_000;
/// Longer than any measurement.
const HOUR_MS: u64 = 3_600_000;
/// BackendKinds of keys that are reported separately, in this order; all others are one figure.
const KINDS: [(&str, &str); 7] = [
    ("a", "records"),
    ("e", "triggers"),
    ("j", "journals"),
    ("x", "index of customers"),
    ("d", "dedup"),
    ("waits", "waits"),
    ("owners", "owners"),
];

pub async fn m2(harness: &BenchHarness, plan: &Plan) -> Result<Vec<Figure>, Failure> {
    let events = plan.events(EVENTS);
    let before = Levels::of(harness).await?;
    let log = harness.log(Flow::Wait, events);
    let running = harness.start(&ALL, Commit::Run);
    harness.source.fill(&log, 0..events, |_| HOUR_MS).await?;
    if !until(events, || log.parked_so_far()).await {
        return Err(Failure::failed(format!("only {} of {events} parked", log.parked_so_far())));
    }
    let after = Levels::of(harness).await?;
    harness.end_all(&log).await?;
    running.stop().await;
    Ok(after.since(&before, events))
}

/// A snapshot.
struct Levels {
    redis: Option<BTreeMap<String, Footprint>>,
    /// `used_memory` of Redis: the allocator's overhead in it.
    used: u64,
    resident: u64,
    disk: u64,
}

impl Levels {
    async fn of(harness: &BenchHarness) -> Result<Levels, Failure> {
        let (redis, used) = match &harness.server {
            Some(server) => (Some(server.footprints().await?), used_memory(server).await?),
            None => (None, 0),
        };
        Ok(Levels { redis, used, resident: usage::resident(), disk: harness.bytes_on_disk() })
    }

    fn since(&self, before: &Levels, events: usize) -> Vec<Figure> {
        let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / events as f64;
        let figure = |what: String, value, goal| Figure::new("M2", what, value, "B", goal);
        let (Some(redis), Some(earlier)) = (&self.redis, &before.redis) else {
            return vec![
                figure("disk per parked activeflow".into(), each(self.disk, before.disk), Goal::None),
                figure(
                    "memory per parked activeflow".into(),
                    each(self.resident, before.resident),
                    Goal::None,
                ),
            ];
        };
        let bytes = |all: &BTreeMap<String, Footprint>, kind: &str| all.get(kind).map_or(0, |f| f.bytes);
        let told = |(kind, name): (&str, &str)| {
            let value = each(bytes(redis, kind), bytes(earlier, kind));
            figure(format!("Redis per parked activeflow: {name}"), value, Goal::None)
        };
        let known = |kind: &String| KINDS.iter().any(|(known, _)| known == kind);
        let rest = |all: &BTreeMap<String, Footprint>| -> u64 {
            all.iter().filter(|(kind, _)| !known(kind)).map(|(_, footprint)| footprint.bytes).sum()
        };
        let mut figures: Vec<Figure> = vec![figure(
            "Redis per parked activeflow with a 620 B event, all of it".into(),
            each(self.used, before.used),
            Goal::AtMost(1_400.0),
        )];
        figures.extend(KINDS.map(told));
        let value = each(rest(redis), rest(earlier));
        figures.push(figure("Redis per parked activeflow: feed and the rest".into(), value, Goal::None));
        figures
    }
}

async fn used_memory(server: &Server) -> Result<u64, Failure> {
    Ok(server.info().await?.get("used_memory").and_then(|text| text.parse().ok()).unwrap_or(0))
}
