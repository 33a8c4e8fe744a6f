//! Checks of the servers at start: settings that would lose data are refused or reported, each with its fix.

use adapters::redis::Facts;

const OLDEST_REDIS: (u16, u16) = (7, 0);
const OLDEST_RABBITMQ: (u16, u16) = (3, 10);

/// A property of a Redis server that weakens a guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisWeakness {
    /// Redis is older than 7.0.
    TooOld,
    /// Redis may evict activeflows when its memory is full.
    Evicts,
    /// Confirmed writes are lost when Redis stops.
    NotPersistent,
    /// The last confirmed writes are lost in a power failure.
    SyncsLater,
    /// A failover may lose writes that no replica received.
    UnconfirmedReplication,
    /// A failover may lose writes that only some replicas received.
    Replication,
    /// Redis Cluster is enabled; only one node is used.
    Cluster,
}

/// A problem found at start, with its fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Roles refuse to start.
    Fatal(String),
    /// Roles start, and log this.
    Warning(String),
}

/// Weaknesses of this Redis, the most basic first. Start-up and `doctor` both use this list.
pub fn weaknesses(facts: &Facts) -> Vec<RedisWeakness> {
    let is_replicated = facts.connected_replicas > 0;
    let is_confirmed = facts.min_replicas_to_write > 0;
    [
        (is_too_old(facts), RedisWeakness::TooOld),
        (facts.maxmemory_policy != "noeviction", RedisWeakness::Evicts),
        (!facts.appendonly, RedisWeakness::NotPersistent),
        (facts.appendonly && facts.appendfsync != "always", RedisWeakness::SyncsLater),
        (is_replicated && !is_confirmed, RedisWeakness::UnconfirmedReplication),
        (is_replicated && is_confirmed, RedisWeakness::Replication),
        (facts.cluster_enabled, RedisWeakness::Cluster),
    ]
    .into_iter()
    .filter_map(|(applies, weakness)| applies.then_some(weakness))
    .collect()
}

/// Problems that this Redis causes at start.
pub fn redis_problems(facts: &Facts, accept_loss: bool) -> Vec<Problem> {
    weaknesses(facts).into_iter().filter_map(|weakness| problem(weakness, facts, accept_loss)).collect()
}

fn problem(weakness: RedisWeakness, facts: &Facts, accept_loss: bool) -> Option<Problem> {
    Some(match weakness {
        RedisWeakness::TooOld => Problem::Fatal(too_old(facts)?),
        RedisWeakness::Evicts => Problem::Fatal(format!(
            "Redis has maxmemory-policy {}: when its memory is full, it would silently delete activeflows. \
             Fix it with `redis-cli CONFIG SET maxmemory-policy noeviction`, and `maxmemory-policy noeviction` in redis.conf",
            facts.maxmemory_policy
        )),
        RedisWeakness::NotPersistent if accept_loss => Problem::Warning(
            "Redis has appendonly no, and redis.accept_loss is true: when Redis stops, everything that it confirmed since its last snapshot is lost".into(),
        ),
        RedisWeakness::NotPersistent => Problem::Fatal(
            "Redis has appendonly no: when Redis stops, everything that it confirmed since its last snapshot is lost. \
             Fix it with `redis-cli CONFIG SET appendonly yes` first, and then `appendonly yes` in redis.conf \
             (with the file alone, Redis starts with an empty store); or accept the loss for a trial: SIGNALBOX_REDIS__ACCEPT_LOSS=true"
                .into(),
        ),
        RedisWeakness::SyncsLater => Problem::Warning(format!(
            "Redis has appendfsync {}: after a power failure, or a crash of Redis with a slow disk, the last seconds may be decided again, \
             under ids that were already used. All guarantees hold with `redis-cli CONFIG SET appendfsync always`, and `appendfsync always` in redis.conf",
            facts.appendfsync
        )),
        RedisWeakness::UnconfirmedReplication => Problem::Warning(format!(
            "Redis has {} replicas and min-replicas-to-write 0: a failover may lose writes that no replica received. \
             Fix it with `redis-cli CONFIG SET min-replicas-to-write 1`, and `min-replicas-to-write 1` in redis.conf",
            facts.connected_replicas
        )),
        RedisWeakness::Replication => return None,
        RedisWeakness::Cluster => Problem::Warning(
            "Redis has cluster-enabled yes: Signalbox connects only to the node of redis.url and follows no redirections, so only a cluster of one node works. \
             Check that `redis-cli CLUSTER INFO` reports cluster_known_nodes:1, or use a Redis with `cluster-enabled no`"
                .into(),
        ),
    })
}

/// Message for a Redis that lacks features which the scripts need.
pub fn too_old(facts: &Facts) -> Option<String> {
    let (major, minor, patch) = facts.version;
    is_too_old(facts).then(|| {
        format!("Redis has version {major}.{minor}.{patch}, and Signalbox needs 7.0 or later: upgrade Redis, or set redis.url to a newer one")
    })
}

fn is_too_old(facts: &Facts) -> bool {
    let (major, minor, _) = facts.version;
    (major, minor) < OLDEST_REDIS
}

/// # Errors
/// The store is not installed, or it has another number of shards.
pub fn installed_shards(installed: Option<u16>, configured: u16) -> Result<(), String> {
    match installed {
        Some(shards) if shards == configured => Ok(()),
        Some(shards) => Err(format!(
            "engine.shards is {configured}, but the state store was installed with {shards}: existing activeflows could no longer be found. \
             Set SIGNALBOX_ENGINE__SHARDS={shards}, or use another, empty Redis"
        )),
        None => Err(
            "the state store is not set up yet: run `signalbox migrate` (`signalbox serve` does this itself)"
                .into(),
        ),
    }
}

/// `None` if the version is new enough or cannot be parsed.
pub fn broker_too_old(version: &str) -> Option<String> {
    let mut parts = version.split('.').map(|part| part.parse::<u16>().ok());
    let known = parts.next().flatten().zip(parts.next().flatten())?;
    (known < OLDEST_RABBITMQ).then(|| {
        format!("RabbitMQ has version {version}, and Signalbox needs 3.10 or later: upgrade RabbitMQ, or set amqp.url to a newer one")
    })
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
    fn a_durable_server_has_no_problem() {
        assert_eq!(redis_problems(&facts(), false), vec![]);
        assert_eq!(installed_shards(Some(16), 16), Ok(()));
        assert_eq!(
            (broker_too_old("3.10.8"), broker_too_old("4.1.0"), broker_too_old("unknown")),
            (None, None, None)
        );
    }

    #[test]
    fn a_server_that_loses_data_is_refused_with_the_fix() {
        let refused = |facts: Facts| match redis_problems(&facts, false).as_slice() {
            [Problem::Fatal(why)] => why.clone(),
            other => panic!("{other:?}"),
        };
        assert!(refused(Facts { version: (6, 2, 1), ..facts() }).contains("version 6.2.1"));
        assert!(
            refused(Facts { maxmemory_policy: "allkeys-lru".into(), ..facts() })
                .contains("CONFIG SET maxmemory-policy noeviction")
        );
        assert!(refused(Facts { appendonly: false, ..facts() }).contains("CONFIG SET appendonly yes"));
        assert!(installed_shards(Some(8), 16).unwrap_err().contains("SIGNALBOX_ENGINE__SHARDS=8"));
        assert!(installed_shards(None, 16).unwrap_err().contains("signalbox migrate"));
        assert!(broker_too_old("3.9.27").is_some_and(|why| why.contains("3.9.27")));
    }

    #[test]
    fn a_weaker_guarantee_is_a_warning() {
        let warned = |facts: Facts, accept_loss| match redis_problems(&facts, accept_loss).as_slice() {
            [Problem::Warning(why)] => why.clone(),
            other => panic!("{other:?}"),
        };
        assert!(
            warned(Facts { appendfsync: "everysec".into(), ..facts() }, false).contains("appendfsync always")
        );
        assert!(
            warned(Facts { connected_replicas: 2, ..facts() }, false).contains("min-replicas-to-write 1")
        );
        assert!(warned(Facts { appendonly: false, ..facts() }, true).contains("redis.accept_loss is true"));
        assert!(warned(Facts { cluster_enabled: true, ..facts() }, false).contains("cluster_known_nodes:1"));
    }
}
