//! Checks at start that the settings are valid and consistent. Each message has the values, the consequence and the fix.

use super::settings::Config;
use super::show::masked_url;
use super::{keys, log_level};
use std::net::SocketAddr;
use std::time::Duration;

/// Maximum of amqp.confirm_timeout. A working broker is always faster.
const MAX_CONFIRM_TIMEOUT: Duration = Duration::from_secs(300);

impl Config {
    /// Errors in the settings, one sentence each.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut require = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        let (redis, amqp, engine) = (&self.redis, &self.amqp, &self.engine);

        require(
            scheme_is(&redis.url, &["redis://", "rediss://"]),
            "redis.url does not begin with redis:// or rediss://; write redis://host:6379".into(),
        );
        require(
            redis.ca_file.is_empty() || redis.url.starts_with("rediss://"),
            "redis.ca_file is set, but redis.url does not begin with rediss://, so nothing would be encrypted; write rediss://host:6379, or remove redis.ca_file".into(),
        );
        require(
            scheme_is(&amqp.url, &["amqp://", "amqps://"]),
            "amqp.url does not begin with amqp:// or amqps://; write amqp://user:password@host:5672/%2f"
                .into(),
        );
        require(
            engine.shards.is_power_of_two() && engine.shards <= 1_024,
            format!(
                "engine.shards is {}: it must be a power of two from 1 to 1024, so that each activeflow stays in its shard",
                engine.shards
            ),
        );
        require(
            engine.heartbeat_interval.0 >= Duration::from_millis(100),
            format!(
                "engine.heartbeat_interval is {}: write at least 100ms; below, members would only send heartbeats",
                engine.heartbeat_interval
            ),
        );
        require(
            engine.lease.0 >= engine.heartbeat_interval.0 * 4,
            format!(
                "engine.lease ({}) must be at least four times engine.heartbeat_interval ({}): otherwise one late heartbeat would make a live worker count as dead",
                engine.lease, engine.heartbeat_interval
            ),
        );
        require(
            redis.response_timeout.0 * 2 <= engine.lease.0,
            format!(
                "redis.response_timeout ({}) must be at most half of engine.lease ({}): otherwise one lost response would cost a worker its claims",
                redis.response_timeout, engine.lease
            ),
        );
        require(
            redis.connections >= 1,
            format!(
                "redis.connections is {}: at least 1 is needed to reach the state store",
                redis.connections
            ),
        );
        require(
            self.dispatcher.max_in_flight >= 1,
            "dispatcher.max_in_flight is 0: no event would be processed; write at least 1".into(),
        );
        require(
            usize::from(amqp.prefetch) >= self.dispatcher.max_in_flight,
            format!(
                "amqp.prefetch ({}) is below dispatcher.max_in_flight ({}): the broker would never deliver enough events to reach it; raise amqp.prefetch or lower dispatcher.max_in_flight",
                amqp.prefetch, self.dispatcher.max_in_flight
            ),
        );
        require(
            amqp.confirm_timeout.0 >= Duration::from_secs(1),
            format!(
                "amqp.confirm_timeout is {}: write at least 1s; below, messages would be published twice to a healthy broker under load",
                amqp.confirm_timeout
            ),
        );
        require(
            amqp.confirm_timeout.0 <= MAX_CONFIRM_TIMEOUT,
            format!(
                "amqp.confirm_timeout is {}: write at most 5m; above, a lost message would delay its activeflow for too long",
                amqp.confirm_timeout
            ),
        );
        require(
            engine.ended_retention.0 >= Duration::from_secs(1),
            format!(
                "engine.ended_retention is {}: write at least 1s; below, an ended activeflow is removed before it can be inspected, and late events for it count as unmatched",
                engine.ended_retention
            ),
        );
        require(
            engine.dedup_rotation.0 >= Duration::from_secs(60),
            format!(
                "engine.dedup_rotation is {}: write at least 1m; below, a repeated event would count as new and take effect twice",
                engine.dedup_rotation
            ),
        );
        require(
            (Duration::from_secs(1)..=Duration::from_secs(600)).contains(&amqp.heartbeat.0),
            format!(
                "amqp.heartbeat is {}: write from 1s to 10m; outside, a lost connection would go unnoticed or a working one would be closed",
                amqp.heartbeat
            ),
        );
        for (key, size) in [
            ("amqp.events_max_bytes", amqp.events_max_bytes),
            ("amqp.rejected_max_bytes", amqp.rejected_max_bytes),
            ("amqp.unrouted_max_bytes", amqp.unrouted_max_bytes),
        ] {
            require(
                size.0 >= 1 << 20,
                format!("{key} is {size}: write at least 1MiB; below, a few messages fill the queue"),
            );
        }
        require(
            self.dispatcher.backlog_low < self.dispatcher.backlog_high,
            format!(
                "dispatcher.backlog_low ({}) must be below dispatcher.backlog_high ({}): otherwise intake would stop and start with every event",
                self.dispatcher.backlog_low, self.dispatcher.backlog_high
            ),
        );
        require(
            self.dispatcher.backlog_low >= 1,
            "dispatcher.backlog_low is 0: after a stop, intake would continue only when no activeflow is ready; write at least 1".into(),
        );
        require(
            self.executor.resumes >= 1,
            "executor.resumes is 0: a flow that runs many actions at once would never continue; write at least 1".into(),
        );
        require(
            (1..=256).contains(&self.executor.actions_per_commit),
            format!(
                "executor.actions_per_commit is {}: write from 1 (each action is stored by itself) to 256 (what runs without waiting is stored together)",
                self.executor.actions_per_commit
            ),
        );
        require(
            self.executor.messages_per_minute <= 1_000,
            format!(
                "executor.messages_per_minute is {}: write at most 1000, or 0 for no limit",
                self.executor.messages_per_minute
            ),
        );
        require(
            self.executor.capacity >= 1,
            "executor.capacity is 0: nothing would ever be claimed; write at least 1".into(),
        );
        require(
            self.executor.bundles >= 1,
            "executor.bundles is 0: every step would compile its flow again; write at least 1".into(),
        );
        for (key, span) in [
            ("engine.poll_interval", engine.poll_interval),
            ("executor.retry_after", self.executor.retry_after),
            ("scheduler.windows_interval", self.scheduler.windows_interval),
            ("scheduler.depth_interval", self.scheduler.depth_interval),
        ] {
            require(
                (Duration::from_millis(10)..=Duration::from_secs(60)).contains(&span.0),
                format!(
                    "{key} is {span}: write from 10ms to 60s; below, the process would only be busy; above, work would wait too long"
                ),
            );
        }
        require(
            self.ops.listen.is_empty() || self.ops.listen.parse::<SocketAddr>().is_ok(),
            format!(
                "ops.listen is `{}`: write an IP address and a port such as 127.0.0.1:9464, or \"\" to turn it off",
                self.ops.listen
            ),
        );
        require(
            self.data.max_memory.0 >= 16 << 20,
            format!(
                "data.max_memory is {}: write at least 16MiB; below, almost nothing could start",
                self.data.max_memory
            ),
        );
        require(
            self.data.queue_idle_limit.0 >= Duration::from_secs(1),
            format!(
                "data.queue_idle_limit is {}: write at least 1s; below, a gateway that is only busy would miss commands",
                self.data.queue_idle_limit
            ),
        );
        wrong.extend(self.check_api());
        wrong
    }

    fn check_api(&self) -> Vec<String> {
        let api = &self.api;
        let mut wrong = Vec::new();
        if self.data.dir.as_os_str().is_empty() {
            wrong.push(
                "data.dir is empty: write the folder for the data, for example ./signalbox-data".into(),
            );
        }
        if !api.listen.is_empty() && api.listen.parse::<SocketAddr>().is_err() {
            wrong.push(format!(
                "api.listen is `{}`: write an IP address and a port such as 127.0.0.1:8080, or \"\" to turn it off",
                api.listen
            ));
        }
        if api.listen == self.ops.listen && api.listen.parse().is_ok_and(|at: SocketAddr| at.port() != 0) {
            wrong.push(format!("api.listen and ops.listen are both {}: each needs its own port", api.listen));
        }
        if api.url.starts_with("https://") {
            wrong.push(format!(
                "api.url is {}: the command line supports only plain HTTP; write the http:// address behind the TLS proxy",
                masked_url(&api.url)
            ));
        } else if !scheme_is(&api.url, &["http://"]) {
            wrong.push(format!("api.url is `{}`: write http://host:port", masked_url(&api.url)));
        }
        if api.max_connections == 0 {
            wrong.push("api.max_connections is 0: no client could connect; write at least 1".into());
        }
        if let Some(why) = log_level::wrong(&self.log.level) {
            wrong.push(why);
        }
        wrong.extend(keys::check(api));
        wrong
    }
}

/// An empty URL is valid here; the commands that need it report it.
fn scheme_is(url: &str, schemes: &[&str]) -> bool {
    url.is_empty() || schemes.iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources, load};

    fn with(settings: &[&str]) -> Config {
        let sources =
            Sources { flags: settings.iter().map(|s| (*s).to_owned()).collect(), ..Sources::default() };
        load(&sources).unwrap().config
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(with(&[]).check(), Vec::<String>::new());
    }

    #[test]
    fn an_inconsistency_names_both_settings_and_the_consequence() {
        for (settings, expected) in [
            (vec!["engine.shards=12"], "engine.shards is 12"),
            (
                vec!["engine.lease=2s"],
                "engine.lease (2s) must be at least four times engine.heartbeat_interval (1s)",
            ),
            (vec!["amqp.prefetch=10"], "amqp.prefetch (10) is below dispatcher.max_in_flight (64)"),
            (
                vec!["dispatcher.backlog_low=60000"],
                "dispatcher.backlog_low (60000) must be below dispatcher.backlog_high (5000)",
            ),
            (vec!["ops.listen=localhost"], "ops.listen is `localhost`"),
            (vec!["redis.url=http://127.0.0.1"], "redis.url does not begin with redis://"),
            (vec!["redis.url=redis://127.0.0.1", "redis.ca_file=/ca.pem"], "so nothing would be encrypted"),
            (vec!["amqp.confirm_timeout=10ms"], "amqp.confirm_timeout is 10ms"),
            (vec!["amqp.confirm_timeout=1h"], "amqp.confirm_timeout is 1h"),
            (vec!["executor.resumes=0"], "executor.resumes is 0"),
            (vec!["executor.messages_per_minute=1001"], "executor.messages_per_minute is 1001"),
            (vec!["dispatcher.backlog_low=0"], "dispatcher.backlog_low is 0"),
            (vec!["dispatcher.backlog_low=7", "dispatcher.backlog_high=7"], "dispatcher.backlog_low (7)"),
            (vec!["engine.dedup_rotation=59s"], "engine.dedup_rotation is 59s"),
            (vec!["engine.ended_retention=10ms"], "engine.ended_retention is 10ms"),
            (vec!["data.dir="], "data.dir is empty"),
            (vec!["data.max_memory=1MiB"], "data.max_memory is 1MiB"),
            (vec!["data.queue_idle_limit=10ms"], "data.queue_idle_limit is 10ms"),
            (vec!["api.listen=8080"], "api.listen is `8080`"),
            (vec!["api.listen=127.0.0.1:9464"], "api.listen and ops.listen are both 127.0.0.1:9464"),
            (vec!["api.url=https://flows.example"], "supports only plain HTTP"),
            (vec!["api.url=flows.example"], "api.url is `flows.example`: write http://host:port"),
            (vec!["api.key=two words"], "api.key contains a space"),
            (vec!["api.bootstrap_key=secret"], "api.bootstrap_key has 6 characters"),
            (vec!["api.bootstrap_key=changeme-changeme"], "api.bootstrap_key is made of words"),
            (vec!["api.max_connections=0"], "api.max_connections is 0"),
            (vec!["log.level=inof"], "log.level is `inof`"),
            (
                vec![r#"api.keys={ a = { role = "read", customer = "all" } }"#],
                "api.keys.a needs either `key`",
            ),
            (vec!["api.keys.a.role=owner"], "api.keys.a.role is `owner`: write read, operate or admin"),
            (vec!["api.keys.a.customer=acme"], "api.keys.a.customer is `acme`"),
            (vec!["api.keys.a b.role=read"], "api.keys.a b: write a name"),
            (
                vec!["api.keys.a.key=9f1c2b7a4e8d0f6351", "api.keys.b.key=9f1c2b7a4e8d0f6351"],
                "api.keys.b and api.keys.a are the same key",
            ),
        ] {
            let wrong = with(&settings).check();
            assert!(wrong.iter().any(|line| line.contains(expected)), "{settings:?}: {wrong:?}");
            assert!(wrong.iter().all(|line| !line.contains("9f1c2b7a")), "{wrong:?}");
        }
    }
}
