//! Checks of the Redis server: connection, durability, memory, files and the time of writes.

use super::finding::{Finding, fail, mib, millis, ok, warn};
use crate::config::{Config, masked_url};
use crate::services::errors::TLS_ADVICE;
use crate::services::preflight::{self, Problem};
use crate::services::{reason, redis_address, store_settings};
use adapters::redis::{self, Facts, Server, Store};
use std::collections::BTreeMap;
use std::time::Duration;

const CHECK: &str = "redis";
const DURABILITY: &str = "redis durability";
const MEMORY: &str = "redis memory";
const PERSISTENCE: &str = "redis files";
const WRITES: &str = "redis writes";
/// Slower writes get a warning: each activeflow waits for several writes.
const SLOW: Duration = Duration::from_millis(20);
const WRITES_TIMED: u32 = 10;

/// Findings, facts of the server, and the store if it can be used.
pub struct RedisReport {
    pub findings: Vec<Finding>,
    pub facts: Option<Facts>,
    pub store: Option<Store>,
}

pub async fn examine(config: &Config) -> RedisReport {
    let shown = masked_url(&config.redis.url);
    let asked = async {
        let address = redis_address(config);
        let facts = redis::inspect(&address).await?;
        Ok((facts, Server::connect(&address).await?.info().await?))
    };
    let (facts, info) = match asked.await {
        Ok(answers) => answers,
        Err(error) => {
            let why = format!("the state store at {shown} (redis.url) cannot be read: {}", reason(&error));
            let advice = match reason(&error).starts_with(redis::TLS) {
                true => TLS_ADVICE,
                false => "start it, or correct redis.url, its user and password",
            };
            return RedisReport { findings: vec![fail(CHECK, why, advice)], facts: None, store: None };
        }
    };
    let (major, minor, patch) = facts.version;
    let mut findings = vec![ok(CHECK, format!("{shown} answers, version {major}.{minor}.{patch}"))];
    findings.extend(durability(&facts, config.redis.accept_loss));
    findings.push(role(&info));
    findings.push(memory(&info));
    findings.push(persistence(&info));
    let store = match store(config).await {
        Ok((store, found)) => {
            findings.extend(found);
            Some(store)
        }
        Err(finding) => {
            findings.push(finding);
            None
        }
    };
    RedisReport { findings, facts: Some(facts), store }
}

/// The problems that roles report at start.
fn durability(facts: &Facts, accept_loss: bool) -> Vec<Finding> {
    let problems = preflight::redis_problems(facts, accept_loss);
    if problems.is_empty() {
        return vec![ok(DURABILITY, "appendonly yes, appendfsync always, maxmemory-policy noeviction")];
    }
    let finding = |problem: Problem| match problem {
        Problem::Fatal(text) => split(&text, fail),
        Problem::Warning(text) => split(&text, warn),
    };
    problems.into_iter().map(finding).collect()
}

/// The first sentence is the finding, the rest the advice.
fn split(text: &str, finding: fn(&'static str, String, String) -> Finding) -> Finding {
    let (found, advice) = text.split_once(". ").or_else(|| text.split_once(": ")).unwrap_or((text, ""));
    finding(DURABILITY, found.to_owned(), advice.to_owned())
}

fn role(info: &BTreeMap<String, String>) -> Finding {
    match info.get("role").map(String::as_str) {
        Some("slave") => {
            let master = info.get("master_host").map_or("its master", String::as_str);
            fail(
                CHECK,
                "redis.url names a replica, which accepts no writes",
                format!("set redis.url to {master}"),
            )
        }
        _ => ok("redis role", "it accepts writes"),
    }
}

fn memory(info: &BTreeMap<String, String>) -> Finding {
    let number = |name: &str| info.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let (used, limit, machine) = (number("used_memory"), number("maxmemory"), number("total_system_memory"));
    let (bound, name) =
        if limit > 0 { (limit, "maxmemory") } else { (machine, "the machine's memory; maxmemory is 0") };
    let found = format!("{} used of {} ({name})", mib(used), mib(bound));
    let advice =
        "raise maxmemory, or add memory: when it is full, Redis refuses writes and all activeflows wait";
    match used.saturating_mul(100).checked_div(bound).unwrap_or(0) {
        0..=79 => ok(MEMORY, found),
        80..=94 => warn(MEMORY, found, advice),
        _ => fail(MEMORY, found, advice),
    }
}

fn persistence(info: &BTreeMap<String, String>) -> Finding {
    let bad = |name: &&str| info.get(*name).is_some_and(|status| status != "ok");
    let failed: Vec<&str> = ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"]
        .into_iter()
        .filter(bad)
        .collect();
    let advice = "check the Redis log: the disk may be full or slow";
    match failed.as_slice() {
        [] => ok(PERSISTENCE, "the last writes to its files succeeded"),
        ["aof_last_write_status", ..] => {
            fail(PERSISTENCE, format!("the last write failed: {}", failed.join(", ")), advice)
        }
        _ => warn(PERSISTENCE, format!("the last write failed: {}", failed.join(", ")), advice),
    }
}

async fn store(config: &Config) -> Result<(Store, Vec<Finding>), Finding> {
    const INSTALLED: &str = "installation";
    let unusable = |error| fail(INSTALLED, reason(&error), "fix the error that Redis reports");
    let store = Store::connect(store_settings(config)).map_err(unusable)?;
    let installed = store.installed().await.map_err(unusable)?;
    preflight::installed_shards(installed, config.engine.shards)
        .map_err(|why| split_installed(INSTALLED, &why))?;
    let mut findings = vec![ok(INSTALLED, format!("{} shards", config.engine.shards))];
    let mut slowest = Duration::ZERO;
    for _ in 0..WRITES_TIMED {
        match store.ping().await {
            Ok(took) => slowest = slowest.max(took),
            Err(error) => {
                return Err(fail(
                    WRITES,
                    format!("a write fails: {}", reason(&error)),
                    "fix the error that Redis reports",
                ));
            }
        }
    }
    let found = format!("the slowest of {WRITES_TIMED} writes took {}", millis(slowest));
    let advice =
        "every transition waits for such a write: use a faster disk, or a Redis closer to this machine";
    findings.push(if slowest > SLOW { warn(WRITES, found, advice) } else { ok(WRITES, found) });
    Ok((store, findings))
}

fn split_installed(check: &'static str, why: &str) -> Finding {
    let (found, advice) = why.split_once(". ").or_else(|| why.split_once(": ")).unwrap_or((why, ""));
    fail(check, found, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    fn info(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn memory_is_judged_by_its_limit_or_else_by_the_machine() {
        let severity = |used: &str, limit: &str| {
            memory(&info(&[("used_memory", used), ("maxmemory", limit), ("total_system_memory", "1000")]))
                .severity
        };
        assert_eq!(
            [severity("79", "100"), severity("80", "100"), severity("99", "100")],
            [Severity::Ok, Severity::Warn, Severity::Fail]
        );
        assert_eq!([severity("799", "0"), severity("990", "0")], [Severity::Ok, Severity::Fail]);
    }

    #[test]
    fn a_file_that_cannot_be_written_fails_and_a_replica_too() {
        assert_eq!(persistence(&info(&[("aof_last_write_status", "err")])).severity, Severity::Fail);
        assert_eq!(persistence(&info(&[("rdb_last_bgsave_status", "err")])).severity, Severity::Warn);
        assert_eq!(role(&info(&[("role", "slave"), ("master_host", "a")])).advice, "set redis.url to a");
    }
}
