//! Checks of the running engine, by its store or its API: members, loaded definitions and backlog.

use super::finding::{Finding, fail, ok, warn};
use crate::client::Client;
use crate::config::Config;
use crate::failure::Failure;
use common::member::activity;
use common::ports::StateStore;
use common::{Shard, StoreError};
use flow::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MEMBERS: &str = "members";
const CLOCK: &str = "clock";
const LAG: &str = "lag";
/// Heartbeats between two readings of the member list.
pub const HEARTBEATS: u32 = 3;
const CLOCK_OFF: Duration = Duration::from_secs(1);
const CLOCK_FAR_OFF: Duration = Duration::from_secs(30);
/// Maximum healthy time until a ready activeflow is claimed.
const OLDEST: Duration = Duration::from_secs(5);

/// State of the engine at one moment, in the format of `GET /v1/status`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EngineSnapshot {
    generation: u64,
    members: Vec<MemberSnapshot>,
    depth: Depth,
    #[serde(skip)]
    now: Timestamp,
    /// Number of shards above dispatcher.backlog_high. Only the store knows the depth of each shard.
    #[serde(skip)]
    full: usize,
}

#[derive(Clone, Debug, Deserialize)]
struct MemberSnapshot {
    id: String,
    role: String,
    instance: String,
    heartbeats: u64,
    generation: u64,
    #[serde(default)]
    activity: Option<String>,
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

impl EngineSnapshot {
    /// # Errors
    /// The store does not answer, or refuses.
    pub async fn at_store(store: &dyn StateStore, config: &Config) -> Result<EngineSnapshot, StoreError> {
        let generation = store.definitions(0).await?.map_or(0, |definitions| definitions.generation);
        let members = store.members().await?;
        let members = members.iter().map(|member| MemberSnapshot {
            id: member.id.to_string(),
            role: member.role.to_string(),
            instance: member.instance.clone(),
            heartbeats: member.heartbeats,
            generation: member.generation,
            activity: activity(member, &members).map(|activity| activity.to_string()),
        });
        let mut snapshot = EngineSnapshot {
            generation,
            members: members.collect(),
            now: store.now().await?,
            ..EngineSnapshot::default()
        };
        for shard in (0..config.engine.shards).map(Shard) {
            let depth = store.depth(shard).await?;
            let all = &mut snapshot.depth;
            all.resumed += depth.resumed;
            all.new += depth.new;
            all.suspects += depth.suspects;
            all.claimed += depth.claimed;
            all.waits += depth.waits;
            all.oldest_ready = all.oldest_ready.into_iter().chain(depth.oldest_ready).min();
            snapshot.full += usize::from(depth.resumed + depth.new > config.dispatcher.backlog_high);
        }
        Ok(snapshot)
    }

    /// # Errors
    /// The API does not answer, or the key is wrong.
    pub async fn at_api(client: &Client) -> Result<EngineSnapshot, Failure> {
        let snapshot: EngineSnapshot = client.get("/v1/status").await?;
        Ok(EngineSnapshot { now: here(), ..snapshot })
    }
}

/// Compares this machine's clock with the store's clock.
///
/// # Errors
/// The store does not answer, or refuses.
pub async fn clock(store: &dyn StateStore) -> Result<Finding, StoreError> {
    let before = here();
    let there = store.now().await?;
    let after = here();
    // The duration of the request is no clock difference.
    let off = there.micros_since(after).max(before.micros_since(there)).max(0);
    let off = Duration::from_micros(off.unsigned_abs());
    let found = format!("this machine and the state store differ by {:.1} s", off.as_secs_f64());
    let advice = "run a time service (chrony, systemd-timesyncd) on both: the windows of routes use the times of events, \
                  waits use the clock of the store";
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

/// Compares two snapshots. A member without a heartbeat between them is silent.
pub fn judge(first: &EngineSnapshot, second: &EngineSnapshot, backlog_high: u64) -> Vec<Finding> {
    let mut findings = members(first, second);
    findings.extend(lag(second, backlog_high));
    findings
}

fn members(first: &EngineSnapshot, second: &EngineSnapshot) -> Vec<Finding> {
    if second.members.is_empty() {
        let advice = "start `signalbox serve`, or each role";
        return vec![warn(MEMBERS, "no member is running: events wait and no activeflow advances", advice)];
    }
    let before: BTreeMap<&str, u64> =
        first.members.iter().map(|seen| (seen.id.as_str(), seen.heartbeats)).collect();
    let moved = |seen: &&MemberSnapshot| before.get(seen.id.as_str()) != Some(&seen.heartbeats);
    let (living, silent): (Vec<&MemberSnapshot>, Vec<&MemberSnapshot>) =
        second.members.iter().partition(moved);
    let mut findings = Vec::new();
    for role in ["dispatcher", "executor", "scheduler"] {
        let of: Vec<&MemberSnapshot> = living.iter().copied().filter(|seen| seen.role == role).collect();
        findings.push(match of.as_slice() {
            [] => fail(
                MEMBERS,
                format!("no {role} is alive"),
                format!("start one: signalbox {role} (or signalbox serve)"),
            ),
            of => ok(MEMBERS, format!("alive: {}", instances(of))),
        });
    }
    if !silent.is_empty() {
        let advice = "it stopped or lost its connection: after the lease, a scheduler removes it and other members take over its work";
        findings.push(warn(MEMBERS, format!("silent: {}", instances(&silent)), advice));
    }
    let generation = second.generation;
    let behind: Vec<&MemberSnapshot> =
        living.iter().copied().filter(|seen| seen.generation < generation).collect();
    findings.push(match behind.as_slice() {
        [] => ok("definitions", format!("generation {generation} is live everywhere")),
        behind => warn(
            "definitions",
            format!("generation {generation} is not loaded yet by {}", instances(behind)),
            "this is normal for one or two heartbeats; if it lasts, restart these members",
        ),
    });
    findings
}

fn instances(members: &[&MemberSnapshot]) -> String {
    let shown = |seen: &&MemberSnapshot| match &seen.activity {
        Some(activity) => format!("{} at {} ({activity})", seen.role, seen.instance),
        None => format!("{} at {}", seen.role, seen.instance),
    };
    members.iter().map(shown).collect::<Vec<_>>().join(", ")
}

fn lag(snapshot: &EngineSnapshot, backlog_high: u64) -> Vec<Finding> {
    let Depth { resumed, new, suspects, claimed, waits, oldest_ready } = &snapshot.depth;
    let oldest = oldest_ready.map_or(0, |at| snapshot.now.micros_since(at)).max(0);
    let oldest = Duration::from_micros(oldest.unsigned_abs());
    let found = format!(
        "{} ready (the oldest for {:.1} s), {claimed} claimed, {waits} waiting with a deadline",
        resumed + new,
        oldest.as_secs_f64(),
    );
    let advice = "the executors cannot keep up, or none is running: start more (up to one per shard), or check the state store and the broker";
    let mut findings = vec![if oldest > OLDEST { warn(LAG, found, advice) } else { ok(LAG, found) }];
    if snapshot.full > 0 {
        let found = format!(
            "{} shards hold more than dispatcher.backlog_high ({backlog_high}) and accept no new calls",
            snapshot.full
        );
        findings.push(fail(
            LAG,
            found,
            "start more executors; meanwhile the events wait in the broker's queue",
        ));
    }
    if *suspects > 0 {
        let found =
            format!("{suspects} activeflows were claimed by workers that died; idle workers retry them");
        findings.push(warn(
            LAG,
            found,
            "if the number does not fall, read the executors' logs; `signalbox activeflow list --state quarantined` shows quarantined activeflows",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn snapshot(heartbeats: [u64; 3], generations: [u64; 3]) -> EngineSnapshot {
        let roles = ["dispatcher", "executor", "scheduler"];
        let seen = |at: usize| MemberSnapshot {
            id: at.to_string(),
            role: roles[at].into(),
            instance: format!("host:{at}"),
            heartbeats: heartbeats[at],
            generation: generations[at],
            activity: None,
        };
        EngineSnapshot { generation: 7, members: (0..3).map(seen).collect(), ..EngineSnapshot::default() }
    }

    fn of(findings: &[Finding], severity: Severity) -> Vec<&str> {
        findings.iter().filter(|f| f.severity == severity).map(|f| f.found.as_str()).collect()
    }

    #[test]
    fn a_member_without_heartbeats_is_silent_and_a_role_without_members_fails() {
        let all_well = judge(&snapshot([5; 3], [7; 3]), &snapshot([6; 3], [7; 3]), 9);
        assert_eq!(of(&all_well, Severity::Ok).len(), all_well.len());
        let findings = judge(&snapshot([5; 3], [7; 3]), &snapshot([6, 5, 6], [6, 7, 7]), 9);
        assert_eq!(of(&findings, Severity::Fail), ["no executor is alive"]);
        let warned = of(&findings, Severity::Warn);
        assert!(
            warned[0] == "silent: executor at host:1" && warned[1].ends_with("by dispatcher at host:0"),
            "{warned:?}"
        );
    }

    #[test]
    fn an_old_ready_activeflow_and_a_full_shard_are_reported() {
        let depth =
            Depth { new: 10, suspects: 1, oldest_ready: Some(Timestamp::from_micros(0)), ..Depth::default() };
        let full = EngineSnapshot {
            depth,
            full: 1,
            now: Timestamp::from_micros(60_000_000),
            ..EngineSnapshot::default()
        };
        let findings = lag(&full, 9);
        assert_eq!((of(&findings, Severity::Warn).len(), of(&findings, Severity::Fail).len()), (2, 1));
        assert_eq!(of(&lag(&EngineSnapshot::default(), 9), Severity::Ok).len(), 1);
    }
}
