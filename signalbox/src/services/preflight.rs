//! What start-up refuses and what it warns about: settings of servers that lose data, each with the line that mends it.

use adapters::redis::Facts;

const OLDEST_REDIS: (u16, u16) = (7, 0);
const OLDEST_RABBITMQ: (u16, u16) = (3, 10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Refuse(String),
    Warn(String),
}

/// Which promises this Redis can keep.
pub fn judge_store(facts: &Facts, accept_loss: bool) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = too_old(facts).map(Verdict::Refuse).into_iter().collect();
    if facts.maxmemory_policy != "noeviction" {
        verdicts.push(Verdict::Refuse(format!(
            "Redis has maxmemory-policy {}: with its memory full it would drop activeflows without a word. \
             Fix it with `redis-cli CONFIG SET maxmemory-policy noeviction`, and `maxmemory-policy noeviction` in redis.conf",
            facts.maxmemory_policy
        )));
    }
    match (facts.appendonly, facts.appendfsync.as_str()) {
        (false, _) if accept_loss => verdicts.push(Verdict::Warn(
            "Redis has appendonly no, and redis.accept_loss is true: whatever Redis confirmed since its last snapshot is lost when it stops".into(),
        )),
        (false, _) => verdicts.push(Verdict::Refuse(
            "Redis has appendonly no: whatever it confirmed since its last snapshot is lost when it stops. \
             Fix it with `redis-cli CONFIG SET appendonly yes` first and `appendonly yes` in redis.conf then \
             (the file alone starts with an empty store); or accept the loss for a trial: SIGNALBOX_REDIS__ACCEPT_LOSS=true"
                .into(),
        )),
        (true, "always") => {}
        (true, policy) => verdicts.push(Verdict::Warn(format!(
            "Redis has appendfsync {policy}: after a power loss, or a crash of Redis with a slow disk, the last seconds may be decided again, \
             under ids that were used already. All promises hold with `redis-cli CONFIG SET appendfsync always`, and `appendfsync always` in redis.conf"
        ))),
    }
    if facts.connected_replicas > 0 && facts.min_replicas_to_write == 0 {
        verdicts.push(Verdict::Warn(format!(
            "Redis has {} replicas and min-replicas-to-write 0: a failover may lose what no replica received. \
             Fix it with `redis-cli CONFIG SET min-replicas-to-write 1`, and `min-replicas-to-write 1` in redis.conf",
            facts.connected_replicas
        )));
    }
    if facts.cluster_enabled {
        verdicts.push(Verdict::Warn(
            "Redis has cluster-enabled yes: Signalbox talks to the one node of redis.url and follows no redirections, so only a cluster of one node works. \
             Check that `redis-cli CLUSTER INFO` says cluster_known_nodes:1, or use a Redis with `cluster-enabled no`"
                .into(),
        ));
    }
    verdicts
}

/// Older servers do not know what the scripts need.
pub fn too_old(facts: &Facts) -> Option<String> {
    let (major, minor, patch) = facts.version;
    ((major, minor) < OLDEST_REDIS).then(|| {
        format!("Redis has version {major}.{minor}.{patch}, and Signalbox needs 7.0 or later: upgrade Redis, or set redis.url to a newer one")
    })
}

/// # Errors
/// Nothing is installed, or with another number of shards.
pub fn installed_shards(installed: Option<u16>, configured: u16) -> Result<(), String> {
    match installed {
        Some(shards) if shards == configured => Ok(()),
        Some(shards) => Err(format!(
            "engine.shards is {configured}, but the state store was installed with {shards}: activeflows would not be found any more. \
             Set SIGNALBOX_ENGINE__SHARDS={shards}, or use another, empty Redis"
        )),
        None => Err("the state store is not set up yet: run `signalbox migrate` (or `signalbox serve`, which does it by itself)".into()),
    }
}

/// `None` when the version is new enough or cannot be told.
pub fn broker_too_old(version: &str) -> Option<String> {
    let mut parts = version.split('.').map(|part| part.parse::<u16>().ok());
    let known = parts.next().flatten().zip(parts.next().flatten())?;
    (known < OLDEST_RABBITMQ).then(|| {
        format!("RabbitMQ has version {version}, and Signalbox needs 3.10 or later: upgrade it, or set amqp.url to a newer one")
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
    fn a_durable_server_passes_in_silence() {
        assert_eq!(judge_store(&facts(), false), vec![]);
        assert_eq!(installed_shards(Some(16), 16), Ok(()));
        assert_eq!(
            (broker_too_old("3.10.8"), broker_too_old("4.1.0"), broker_too_old("unknown")),
            (None, None, None)
        );
    }

    #[test]
    fn what_loses_data_is_refused_with_the_line_that_mends_it() {
        let refused = |facts: Facts| match judge_store(&facts, false).as_slice() {
            [Verdict::Refuse(why)] => why.clone(),
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
    fn a_weaker_promise_is_a_warning_that_says_so() {
        let warned = |facts: Facts, accept_loss| match judge_store(&facts, accept_loss).as_slice() {
            [Verdict::Warn(why)] => why.clone(),
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
