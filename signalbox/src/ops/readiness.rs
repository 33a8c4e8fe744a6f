//! Readiness of this process: the store can be written, the broker is connected, the roles send heartbeats and have loaded
//! the definitions.

use crate::services::BackendKinds;
use crate::services::backends::Ping;
use crate::services::reason;
use adapters::embedded::MemoryUse;
use common::StoreError;
use common::member::{Member, MemberId, Role};
use common::ports::commands::QueueCondition;
use common::ports::{Commands, StateStore};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Share of data.max_memory, in percent, that is worth a warning.
const NEARLY_FULL: u64 = 80;
/// Difference between the store's time and the wall clock that is worth a warning.
const CLOCK_OFF_US: i64 = 1_000_000;
/// Name of the check of the command queues.
const QUEUES: &str = "command queues";
/// Maximum time of one check.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Services and roles that are checked.
pub struct ReadinessConfig {
    pub store: Arc<dyn StateStore>,
    pub ping: Ping,
    pub is_broker_up: Box<dyn Fn() -> bool + Send + Sync>,
    /// Command queues of the embedded bus.
    pub commands: Option<Arc<dyn Commands>>,
    /// The embedded state store.
    pub embedded: Option<Arc<adapters::embedded::Store>>,
    pub kinds: BackendKinds,
    /// Roles of this process.
    pub roles: Vec<Role>,
    /// Instance name in the heartbeats of these roles.
    pub instance: String,
    /// Maximum age of a heartbeat.
    pub lease: Duration,
}

pub struct Readiness {
    config: ReadinessConfig,
    /// Last heartbeat of each member of this instance, and the time when it changed.
    heartbeats: Mutex<BTreeMap<MemberId, (u64, Instant)>>,
}

/// One line of `/readyz?verbose`.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    /// Whether an operator must know it although it is ok.
    pub warns: bool,
    pub detail: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, word) = match (self.ok, self.warns) {
            (false, _) => ('-', "failed"),
            (true, true) => ('!', "warning"),
            (true, false) => ('+', "ok"),
        };
        write!(f, "[{sign}] {} {word}: {}", self.name, self.detail)
    }
}

impl Check {
    pub fn failed(name: &str, detail: impl Into<String>) -> Check {
        check(name, false, detail)
    }
}

impl Readiness {
    pub fn new(config: ReadinessConfig) -> Readiness {
        Readiness { config, heartbeats: Mutex::default() }
    }

    /// Runs all checks.
    pub async fn check(&self) -> Vec<Check> {
        let is_up = (self.config.is_broker_up)();
        let broker = match (self.config.kinds.bus, is_up) {
            ("embedded", true) => "embedded",
            ("embedded", false) => "embedded: the data folder cannot be written (data.dir)",
            (_, true) => "connected",
            (_, false) => "no connection to the broker (amqp.url)",
        };
        let broker = check("broker", is_up, broker);
        let members = with_timeout("members", self.config.store.members());
        let (store, members) = tokio::join!(self.store_check(), members);
        let mut checks = vec![store, broker];
        checks.extend(self.config.commands.as_deref().map(queue_check));
        if let Some(store) = &self.config.embedded {
            checks.extend([memory_check(store.memory()), clock_check(store.ahead_us())]);
        }
        match members {
            Ok(members) => {
                for role in &self.config.roles {
                    checks.extend(self.role_checks(*role, &members).await);
                }
            }
            Err(why) => checks.push(check("members", false, why)),
        }
        checks
    }

    async fn store_check(&self) -> Check {
        match with_timeout("ping", (self.config.ping)()).await {
            Ok(took) => check("store", true, format!("a write took {:.1} ms", took.as_secs_f64() * 1_000.0)),
            Err(why) => check("store", false, why),
        }
    }

    async fn role_checks(&self, role: Role, members: &[Member]) -> Vec<Check> {
        let ReadinessConfig { instance, lease, .. } = &self.config;
        // The member list may still have an earlier process with the same instance name: use the one whose heartbeat changes.
        let mine = members.iter().filter(|m| m.role == role && m.instance == *instance);
        let Some((age, me)) = mine.map(|m| (self.heartbeat_age(m), m)).min_by_key(|(age, _)| *age) else {
            return vec![check(&format!("{role} heartbeat"), false, "not a member yet")];
        };
        let heartbeat = check(
            &format!("{role} heartbeat"),
            age <= *lease,
            format!(
                "number {}, last changed {:.1} s ago (lease {:.0} s)",
                me.heartbeats,
                age.as_secs_f64(),
                lease.as_secs_f64()
            ),
        );
        if role != Role::Dispatcher {
            return vec![heartbeat];
        }
        metrics::gauge!("signalbox_definitions_generation").set(me.generation as f64);
        let definitions =
            match with_timeout("definitions", self.config.store.definitions(me.generation)).await {
                Ok(None) => check("definitions", true, format!("generation {}", me.generation)),
                Ok(Some(newer)) => {
                    // A newer generation is loaded within one or two heartbeats. Only a role without definitions is not ready.
                    check(
                        "definitions",
                        me.generation > 0,
                        format!("generation {} of {}", me.generation, newer.generation),
                    )
                }
                Err(why) => check("definitions", false, why),
            };
        vec![heartbeat, definitions]
    }

    fn heartbeat_age(&self, member: &Member) -> Duration {
        let now = Instant::now();
        let mut heartbeats = self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heartbeats.entry(member.id).or_insert((member.heartbeats, now));
        if last.0 != member.heartbeats {
            *last = (member.heartbeats, now);
        }
        now.duration_since(last.1)
    }
}

fn check(name: &str, ok: bool, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), ok, warns: false, detail: detail.into() }
}

/// Above the mark the process is ready: what runs goes on, and starts are refused with an explanation.
fn memory_check(memory: MemoryUse) -> Check {
    let MemoryUse { bytes, limit } = memory;
    let share = (u128::from(bytes) * 100 / u128::from(limit.max(1))) as u64;
    let detail = format!("state and queues count {} KiB, {share}% of data.max_memory", bytes >> 10);
    match share {
        100.. => Check { warns: true, ..check("memory", true, format!("{detail}: no activeflow starts")) },
        NEARLY_FULL.. => Check { warns: true, ..check("memory", true, detail) },
        _ => check("memory", true, detail),
    }
}

fn clock_check(ahead_us: i64) -> Check {
    let seconds = ahead_us as f64 / 1e6;
    let detail = if ahead_us < 0 {
        format!("the store's time is {:.1} s behind this machine's clock", -seconds)
    } else {
        format!("the store's time is {seconds:.1} s ahead of this machine's clock")
    };
    if ahead_us.saturating_abs() < CLOCK_OFF_US {
        return check("clock", true, detail);
    }
    let why = "the clock was set; the store's time goes on evenly and approaches it by 6 s each minute";
    Check { warns: true, ..check("clock", true, format!("{detail}: {why}")) }
}

/// A full queue holds up activeflows, so the process is not ready. A queue that is set aside holds up nobody.
fn queue_check(commands: &dyn Commands) -> Check {
    let queues = commands.list();
    let names = |condition| -> Vec<String> {
        let named = queues.iter().filter(|queue| queue.condition == condition);
        named.map(|queue| format!("`{}`", queue.name)).collect()
    };
    let (full, aside) = (names(QueueCondition::Full), names(QueueCondition::SetAside));
    let advice = "see signalbox queue list";
    match (full.as_slice(), aside.as_slice()) {
        ([], []) => check(QUEUES, true, format!("{} of them, none is full", queues.len())),
        ([], aside) => {
            let detail =
                format!("{} full and set aside, because nobody reads it: {advice}", aside.join(", "));
            Check { warns: true, ..check(QUEUES, true, detail) }
        }
        (full, _) => {
            check(QUEUES, false, format!("{} full, and activeflows wait for it: {advice}", full.join(", ")))
        }
    }
}

async fn with_timeout<T>(
    what: &str,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, String> {
    match tokio::time::timeout(TIMEOUT, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(format!("{what}: {}", reason(&error))),
        Err(_) => Err(format!("{what}: no answer from the state store within {} s", TIMEOUT.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapters::memory::{Limits, ManualTime, Store};
    use common::ports::Members;
    use common::ports::commands::{CommandQueue, CommandReader};
    use common::ports::error::{QueueError, Unusable};

    fn readiness(store: Arc<Store>, is_up: bool) -> Readiness {
        Readiness::new(ReadinessConfig {
            store,
            ping: Arc::new(|| Box::pin(async { Ok(Duration::from_millis(1)) })),
            is_broker_up: Box::new(move || is_up),
            commands: None,
            embedded: None,
            kinds: BackendKinds { store: "redis", bus: "amqp" },
            roles: vec![Role::Dispatcher],
            instance: "here:1".into(),
            lease: Duration::from_millis(50),
        })
    }

    async fn heartbeat(store: &Store, count: u64) {
        let member = Member {
            id: MemberId(uuid::Uuid::from_u128(1)),
            role: Role::Dispatcher,
            instance: "here:1".into(),
            heartbeats: count,
            generation: 0,
            formats: (1, 1),
            consuming: None,
        };
        store.heartbeat(&member, &[]).await.unwrap();
    }

    fn failing(checks: &[Check]) -> Vec<&str> {
        checks.iter().filter(|check| !check.ok).map(|check| check.name.as_str()).collect()
    }

    #[tokio::test]
    async fn a_process_is_ready_while_its_roles_send_heartbeats() {
        let store = Arc::new(Store::new(16, Limits::default(), ManualTime::default()));
        let readiness = readiness(store.clone(), true);
        assert_eq!(failing(&readiness.check().await), ["dispatcher heartbeat"]);
        heartbeat(&store, 1).await;
        assert_eq!(failing(&readiness.check().await), Vec::<&str>::new());
        tokio::time::sleep(Duration::from_millis(80)).await;
        assert_eq!(failing(&readiness.check().await), ["dispatcher heartbeat"]);
        heartbeat(&store, 2).await;
        assert_eq!(failing(&readiness.check().await), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_missing_broker_is_a_failed_check() {
        let store = Arc::new(Store::new(16, Limits::default(), ManualTime::default()));
        heartbeat(&store, 1).await;
        let checks = readiness(store, false).check().await;
        assert_eq!(failing(&checks), ["broker"]);
        assert_eq!(checks[1].to_string(), "[-] broker failed: no connection to the broker (amqp.url)");
    }

    /// Command queues in the given conditions.
    struct Queues(Vec<(&'static str, QueueCondition)>);

    #[async_trait::async_trait]
    impl Commands for Queues {
        async fn open(
            &self,
            _: &str,
            _: &[String],
            _: Option<u64>,
        ) -> Result<Box<dyn CommandReader>, QueueError> {
            Err(Unusable { what: "opening".into(), reason: "not part of this test".into() }.into())
        }

        async fn ack(&self, _: &str, _: u64) -> Result<u64, QueueError> {
            Ok(0)
        }

        async fn delete(&self, _: &str) -> Result<Option<u64>, Unusable> {
            Ok(None)
        }

        fn list(&self) -> Vec<CommandQueue> {
            let queue = |(name, condition): &(&str, QueueCondition)| CommandQueue {
                name: (*name).into(),
                patterns: vec!["#".into()],
                commands: 1,
                bytes: 1,
                limit: 1,
                is_read: false,
                stalled: Duration::ZERO,
                condition: *condition,
                missed: 0,
            };
            self.0.iter().map(queue).collect()
        }
    }

    #[test]
    fn a_set_clock_and_little_memory_are_warnings() {
        let memory = |bytes| memory_check(MemoryUse { bytes, limit: 1_000 });
        assert_eq!([memory(799), memory(800), memory(1_000)].map(|check| check.warns), [false, true, true]);
        assert!(memory(1_000).detail.ends_with("no activeflow starts"));
        assert!(!memory_check(MemoryUse { bytes: 5, limit: u64::MAX }).warns);
        assert_eq!([0, 999_999, -999_999].map(|us| clock_check(us).warns), [false; 3]);
        let behind = clock_check(-3_600_000_000);
        assert!(behind.warns && behind.ok && behind.detail.contains("3600.0 s behind"), "{behind}");
    }

    #[test]
    fn a_full_queue_fails_and_one_that_is_set_aside_warns_and_both_are_named() {
        use QueueCondition::{Full, Open, SetAside};
        let check = |queues: &[(&'static str, QueueCondition)]| queue_check(&Queues(queues.to_vec()));
        let (open, aside) = (check(&[("a", Open)]), check(&[("a", Open), ("b", SetAside)]));
        assert_eq!((open.ok, open.warns), (true, false));
        assert_eq!((aside.ok, aside.warns), (true, true));
        assert!(
            aside.to_string().starts_with("[!] command queues warning: `b` full and set aside"),
            "{aside}"
        );
        let full = check(&[("c", Full), ("b", SetAside)]);
        assert!(!full.ok && full.detail.starts_with("`c` full"), "{full}");
    }
}
