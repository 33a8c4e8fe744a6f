//! What the engine says of itself, by its store or by its API: who lives, what they have loaded, how much waits.

use super::finding::{Finding, fail, ok, warn};
use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use common::ports::StateStore;
use common::{Shard, StoreError};
use flow::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MEMBERS: &str = "members";
const CLOCK: &str = "clock";
const LAG: &str = "lag";
/// Between two looks at the member list, in beats.
pub const HEARTBEATS: u32 = 3;
const CLOCK_OFF: Duration = Duration::from_secs(1);
const CLOCK_FAR_OFF: Duration = Duration::from_secs(30);
/// What is ready should be claimed in far less.
const OLDEST: Duration = Duration::from_secs(5);

/// The engine at one moment; the shape of `GET /v1/status`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Look {
    generation: u64,
    members: Vec<Seen>,
    depth: Depth,
    #[serde(skip)]
    now: Timestamp,
    /// Shards beyond dispatcher.backlog_high; only the store tells each one's depth.
    #[serde(skip)]
    full: usize,
}

#[derive(Clone, Debug, Deserialize)]
struct Seen {
    id: String,
    role: String,
    instance: String,
    heartbeats: u64,
    generation: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Depth {
    resumed: u64,
    new: u64,
    suspects: u64,
    claimed: u64,
    waits: u64,
    oldest_ready: Option<Timestamp>,
}

impl Look {
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn at_store(store: &dyn StateStore, config: &Config) -> Result<Look, StoreError> {
        let generation = store.definitions(0).await?.map_or(0, |definitions| definitions.generation);
        let members = store.members().await?.into_iter().map(|member| Seen {
            id: member.id.to_string(),
            role: member.role.to_string(),
            instance: member.instance,
            heartbeats: member.heartbeats,
            generation: member.generation,
        });
        let mut look =
            Look { generation, members: members.collect(), now: store.now().await?, ..Look::default() };
        for shard in (0..config.engine.shards).map(Shard) {
            let depth = store.depth(shard).await?;
            let all = &mut look.depth;
            all.resumed += depth.resumed;
            all.new += depth.new;
            all.suspects += depth.suspects;
            all.claimed += depth.claimed;
            all.waits += depth.waits;
            all.oldest_ready = all.oldest_ready.into_iter().chain(depth.oldest_ready).min();
            look.full += usize::from(depth.resumed + depth.new > config.dispatcher.backlog_high);
        }
        Ok(look)
    }

    /// # Errors
    /// Nobody answers, or the key is not right.
    pub async fn at_api(client: &Client) -> Result<Look, Failure> {
        let look: Look = client.get("/v1/status").await?;
        Ok(Look { now: here(), ..look })
    }
}

/// This machine's clock beside the store's.
///
/// # Errors
/// The store does not answer, or refuses.
pub async fn clock(store: &dyn StateStore) -> Result<Finding, StoreError> {
    let before = here();
    let there = store.now().await?;
    let after = here();
    // What asking took is not the clocks' fault.
    let off = there.micros_since(after).max(before.micros_since(there)).max(0);
    let off = Duration::from_micros(off.unsigned_abs());
    let found = format!("this machine and the state store differ by {:.1} s", off.as_secs_f64());
    let advice = "run a time service (chrony, systemd-timesyncd) on both: windows of routes are judged by the events' times, \
                  waits by the store's";
    Ok(match off {
        off if off >= CLOCK_FAR_OFF => fail(CLOCK, found, advice),
        off if off >= CLOCK_OFF => warn(CLOCK, found, advice),
        _ => ok(CLOCK, found),
    })
}

fn here() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(now.as_micros() as i64)
}

/// Judges two looks, some beats apart: who did not beat in between is silent.
pub fn judge(first: &Look, second: &Look, backlog_high: u64) -> Vec<Finding> {
    let mut findings = members(first, second);
    findings.extend(lag(second, backlog_high));
    findings
}

fn members(first: &Look, second: &Look) -> Vec<Finding> {
    if second.members.is_empty() {
        let advice = "start `signalbox serve`, or each role";
        return vec![warn(MEMBERS, "no member is running: events wait and no activeflow advances", advice)];
    }
    let before: BTreeMap<&str, u64> =
        first.members.iter().map(|seen| (seen.id.as_str(), seen.heartbeats)).collect();
    let moved = |seen: &&Seen| before.get(seen.id.as_str()) != Some(&seen.heartbeats);
    let (living, silent): (Vec<&Seen>, Vec<&Seen>) = second.members.iter().partition(moved);
    let mut findings = Vec::new();
    for role in ["dispatcher", "executor", "scheduler"] {
        let of: Vec<&Seen> = living.iter().copied().filter(|seen| seen.role == role).collect();
        findings.push(match of.as_slice() {
            [] => fail(
                MEMBERS,
                format!("no {role} lives"),
                format!("start one: signalbox {role} (or signalbox serve)"),
            ),
            of => ok(MEMBERS, format!("alive: {}", places(of))),
        });
    }
    if !silent.is_empty() {
        let advice =
            "stopped or cut off: a scheduler strikes it after the lease, and others take over what it held";
        findings.push(warn(MEMBERS, format!("silent: {}", places(&silent)), advice));
    }
    let generation = second.generation;
    let behind: Vec<&Seen> = living.iter().copied().filter(|seen| seen.generation < generation).collect();
    findings.push(match behind.as_slice() {
        [] => ok("definitions", format!("generation {generation} is live everywhere")),
        behind => warn(
            "definitions",
            format!("generation {generation} is not loaded yet by {}", places(behind)),
            "a beat or two is usual; if it stays so, restart these",
        ),
    });
    findings
}

fn places(members: &[&Seen]) -> String {
    members.iter().map(|seen| format!("{} at {}", seen.role, seen.instance)).collect::<Vec<_>>().join(", ")
}

fn lag(look: &Look, backlog_high: u64) -> Vec<Finding> {
    let Depth { resumed, new, suspects, claimed, waits, oldest_ready } = &look.depth;
    let oldest = oldest_ready.map_or(0, |at| look.now.micros_since(at)).max(0);
    let oldest = Duration::from_micros(oldest.unsigned_abs());
    let found = format!(
        "{} ready (the oldest for {:.1} s), {claimed} claimed, {waits} wait with a deadline",
        resumed + new,
        oldest.as_secs_f64(),
    );
    let advice = "executors do not keep up, or none runs: start more (up to one per shard), or check the state store and the broker";
    let mut findings = vec![if oldest > OLDEST { warn(LAG, found, advice) } else { ok(LAG, found) }];
    if look.full > 0 {
        let found = format!(
            "{} shards hold more than dispatcher.backlog_high ({backlog_high}) and take no new calls",
            look.full
        );
        findings.push(fail(
            LAG,
            found,
            "start more executors; the broker's queue grows meanwhile, and publishers see it",
        ));
    }
    if *suspects > 0 {
        let found = format!("{suspects} activeflows were held by workers that died; idle workers try them");
        findings.push(warn(
            LAG,
            found,
            "if they stay, the executors' logs say why; `signalbox activeflow list` shows quarantined ones",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn look(beats: [u64; 3], generations: [u64; 3]) -> Look {
        let roles = ["dispatcher", "executor", "scheduler"];
        let seen = |at: usize| Seen {
            id: at.to_string(),
            role: roles[at].into(),
            instance: format!("host:{at}"),
            heartbeats: beats[at],
            generation: generations[at],
        };
        Look { generation: 7, members: (0..3).map(seen).collect(), ..Look::default() }
    }

    fn of(findings: &[Finding], severity: Severity) -> Vec<&str> {
        findings.iter().filter(|f| f.severity == severity).map(|f| f.found.as_str()).collect()
    }

    #[test]
    fn who_does_not_beat_is_silent_and_a_role_without_a_living_one_fails() {
        let all_well = judge(&look([5; 3], [7; 3]), &look([6; 3], [7; 3]), 9);
        assert_eq!(of(&all_well, Severity::Ok).len(), all_well.len());
        let findings = judge(&look([5; 3], [7; 3]), &look([6, 5, 6], [6, 7, 7]), 9);
        assert_eq!(of(&findings, Severity::Fail), ["no executor lives"]);
        let warned = of(&findings, Severity::Warn);
        assert!(
            warned[0] == "silent: executor at host:1" && warned[1].ends_with("by dispatcher at host:0"),
            "{warned:?}"
        );
    }

    #[test]
    fn what_is_ready_for_long_and_a_full_shard_are_told() {
        let depth =
            Depth { new: 10, suspects: 1, oldest_ready: Some(Timestamp::from_micros(0)), ..Depth::default() };
        let full = Look { depth, full: 1, now: Timestamp::from_micros(60_000_000), ..Look::default() };
        let findings = lag(&full, 9);
        assert_eq!((of(&findings, Severity::Warn).len(), of(&findings, Severity::Fail).len()), (2, 1));
        assert_eq!(of(&lag(&Look::default(), 9), Severity::Ok).len(), 1);
    }
}
