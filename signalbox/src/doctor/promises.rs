//! Guarantees that hold for this deployment: one row of the table in docs/guarantees.md.

use crate::services::preflight::{RedisWeakness, weaknesses};
use adapters::redis::Facts;
use serde::Serialize;

/// A deployment and its guarantees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promises {
    pub deployment: String,
    pub holds: String,
}

impl Promises {
    /// What holds while a check fails: a damaged folder or a missing queue breaks them in any deployment.
    pub fn with_failed_checks(mut self) -> Promises {
        if self.holds != NONE {
            self.holds = format!("not while a check above fails; then {}", self.holds);
        }
        self
    }
}

const ALL: &str = "all guarantees hold";
const NONE: &str = "none: Redis may lose activeflows, and with them every guarantee";
const LAST_SECONDS: &str = "after a power failure, or a crash of Redis with a slow disk, the last seconds may be decided \
                            again, under ids that were already used";
const FAILOVER: &str =
    "after a failover, the last seconds may be decided again, under ids that were already used";

/// `redis` is `None` if the state is in a data folder; `is_volatile`: the folder is in memory.
pub fn row(redis: Option<&Facts>, is_volatile: bool) -> Promises {
    let Some(facts) = redis else {
        let holds = if is_volatile {
            "all guarantees hold until the machine stops, because the data folder is in memory"
        } else {
            ALL
        };
        return Promises {
            deployment: "embedded (SQLite WAL, synchronous=FULL)".into(),
            holds: holds.into(),
        };
    };
    let weaknesses = weaknesses(facts);
    let has = |weakness| weaknesses.contains(&weakness);
    if has(RedisWeakness::NotPersistent) || has(RedisWeakness::Evicts) {
        return Promises { deployment: "Redis that may lose confirmed writes".into(), holds: NONE.into() };
    }
    let exceptions: Vec<&str> = weaknesses.iter().filter_map(|weakness| exception(*weakness)).collect();
    let holds = match exceptions.as_slice() {
        [] => ALL.into(),
        [one] => format!("all guarantees hold, with one exception: {one}"),
        several => format!("all guarantees hold, with {} exceptions: {}", several.len(), several.join("; ")),
    };
    let servers = match (facts.connected_replicas, facts.min_replicas_to_write) {
        (0, _) => "one Redis".into(),
        (replicas, least) => format!("Redis with {replicas} replicas, min-replicas-to-write {least}"),
    };
    Promises { deployment: format!("{servers}, appendfsync {}", facts.appendfsync), holds }
}

fn exception(weakness: RedisWeakness) -> Option<&'static str> {
    match weakness {
        RedisWeakness::SyncsLater => Some(LAST_SECONDS),
        RedisWeakness::UnconfirmedReplication | RedisWeakness::Replication => Some(FAILOVER),
        RedisWeakness::TooOld
        | RedisWeakness::Evicts
        | RedisWeakness::NotPersistent
        | RedisWeakness::Cluster => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: (7, 0, 15),
            appendonly: true,
            appendfsync: "always".into(),
            maxmemory_policy: "noeviction".into(),
            connected_replicas: 0,
            min_replicas_to_write: 0,
            cluster_enabled: false,
        }
    }

    #[test]
    fn each_deployment_has_its_row() {
        let holds = |facts: Facts| row(Some(&facts), false).holds;
        assert_eq!((holds(facts()), row(None, false).holds), (ALL.to_owned(), ALL.to_owned()));
        let everysec = Facts { appendfsync: "everysec".into(), ..facts() };
        assert!(
            holds(everysec.clone()).starts_with("all guarantees hold, with one exception: after a power")
        );
        let replicated = Facts { connected_replicas: 2, min_replicas_to_write: 1, ..everysec };
        let both = holds(replicated);
        assert!(both.starts_with("all guarantees hold, with 2 exceptions: "), "{both}");
        assert!(both.contains("slow disk") && both.contains("failover"), "{both}");
        assert!(holds(Facts { appendonly: false, ..facts() }).starts_with("none: "));
        assert!(holds(Facts { maxmemory_policy: "allkeys-lru".into(), ..facts() }).starts_with("none: "));
        assert!(row(None, true).holds.contains("until the machine stops"));
        assert_eq!(
            row(None, false).with_failed_checks().holds,
            "not while a check above fails; then all guarantees hold"
        );
        let lossy = row(Some(&Facts { appendonly: false, ..facts() }), false);
        assert_eq!(lossy.clone().with_failed_checks(), lossy);
    }
}
