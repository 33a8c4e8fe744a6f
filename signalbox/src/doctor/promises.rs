//! Which row of the promise table applies (docs/guarantees.md).

use adapters::redis::Facts;
use serde::Serialize;

/// A deployment, and what holds there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promises {
    pub deployment: String,
    pub holds: String,
}

const ALL: &str = "all promises hold";
const EVERYSEC: &str = "after a crash of Redis with a slow disk, or a power loss, the last seconds may be decided \
                        again, under ids already used";
const FAILOVER: &str = "a failover may decide the last seconds again, under ids already used";

/// `redis`: `None` when the state is in a data folder; `volatile` says that the folder is gone with the machine's memory.
pub fn row(redis: Option<&Facts>, volatile: bool) -> Promises {
    let promises = |deployment: &str, holds: String| Promises { deployment: deployment.into(), holds };
    let Some(facts) = redis else {
        let holds = match volatile {
            true => "all promises hold until the machine stops: the folder is in its memory".into(),
            false => ALL.into(),
        };
        return promises("embedded (SQLite WAL, synchronous=FULL)", holds);
    };
    if !facts.appendonly || facts.maxmemory_policy != "noeviction" {
        return promises(
            "a Redis that does not keep what it confirms",
            "no row of the table: Redis may lose activeflows, and with them everything that is promised"
                .into(),
        );
    }
    let mut but = Vec::new();
    if facts.appendfsync != "always" {
        but.push(EVERYSEC);
    }
    if facts.connected_replicas > 0 {
        but.push(FAILOVER);
    }
    let holds = match but.as_slice() {
        [] => ALL.into(),
        but => format!("all promises hold but one: {}", but.join("; and ")),
    };
    let replicas = match (facts.connected_replicas, facts.min_replicas_to_write) {
        (0, _) => "one Redis".into(),
        (replicas, least) => format!("Redis with {replicas} replicas, min-replicas-to-write {least}"),
    };
    promises(&format!("{replicas}, appendfsync {}", facts.appendfsync), holds)
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
        assert!(holds(everysec.clone()).contains("slow disk"));
        let replicated = Facts { connected_replicas: 2, min_replicas_to_write: 1, ..everysec };
        assert!(holds(replicated.clone()).contains("slow disk") && holds(replicated).contains("failover"));
        assert!(holds(Facts { appendonly: false, ..facts() }).starts_with("no row"));
        assert!(holds(Facts { maxmemory_policy: "allkeys-lru".into(), ..facts() }).starts_with("no row"));
        assert!(row(None, true).holds.contains("until the machine stops"));
    }
}
