//! Readiness of this process: the store can be written, the broker is connected, the roles send heartbeats and have loaded
//! the definitions.

use crate::services::BackendKinds;
use crate::services::backends::Ping;
use crate::services::reason;
use common::StoreError;
use common::member::{Member, MemberId, Role};
use common::ports::StateStore;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Maximum time of one check.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Services and roles that are checked.
pub struct ReadinessConfig {
    pub store: Arc<dyn StateStore>,
    pub ping: Ping,
    pub is_broker_up: Box<dyn Fn() -> bool + Send + Sync>,
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
    pub detail: String,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, word) = if self.ok { ('+', "ok") } else { ('-', "failed") };
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
    Check { name: name.to_owned(), ok, detail: detail.into() }
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

    fn readiness(store: Arc<Store>, is_up: bool) -> Readiness {
        Readiness::new(ReadinessConfig {
            store,
            ping: Arc::new(|| Box::pin(async { Ok(Duration::from_millis(1)) })),
            is_broker_up: Box::new(move || is_up),
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
}
