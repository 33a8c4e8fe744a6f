//! Whether this process can do its work, seen from the outside: can the store be written, is the broker there, do its
//! roles beat, and do they know the newest definitions.

use common::StoreError;
use common::member::{Member, Role};
use common::ports::{Bus, StateStore};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A write to the store: reading alone would not notice a full disk.
pub type Ping =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Duration, StoreError>> + Send>> + Send + Sync>;

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct Readiness {
    pub store: Arc<dyn StateStore>,
    pub ping: Ping,
    pub bus: Arc<dyn Bus>,
    /// The roles of this process, and the place under which they beat.
    pub roles: Vec<Role>,
    pub place: String,
    /// A beat older than this is a failure.
    pub lease: Duration,
    beats: Mutex<BTreeMap<Role, (u64, Instant)>>,
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

impl Readiness {
    pub fn new(
        store: Arc<dyn StateStore>,
        ping: Ping,
        bus: Arc<dyn Bus>,
        roles: Vec<Role>,
        place: String,
        lease: Duration,
    ) -> Readiness {
        Readiness { store, ping, bus, roles, place, lease, beats: Mutex::default() }
    }

    /// Looks at everything now.
    pub async fn look(&self) -> Vec<Check> {
        let mut checks = vec![self.store_check().await];
        let is_up = self.bus.is_up();
        checks.push(check(
            "broker",
            is_up,
            if is_up { "connected" } else { "no connection to the broker (amqp.url)" },
        ));
        match patiently("members", self.store.members()).await {
            Ok(members) => {
                for role in &self.roles {
                    checks.extend(self.role_checks(*role, &members).await);
                }
            }
            Err(why) => checks.push(check("members", false, why)),
        }
        checks
    }

    async fn store_check(&self) -> Check {
        match patiently("ping", (self.ping)()).await {
            Ok(took) => {
                metrics::histogram!("signalbox_store_ping_seconds").record(took);
                check("store", true, format!("a write took {:.1} ms", took.as_secs_f64() * 1_000.0))
            }
            Err(why) => check("store", false, why),
        }
    }

    async fn role_checks(&self, role: Role, members: &[Member]) -> Vec<Check> {
        let mine = members.iter().filter(|m| m.role == role && m.place == self.place).max_by_key(|m| m.beat);
        let Some(me) = mine else {
            return vec![check(&format!("{role} beat"), false, "not a member yet")];
        };
        let age = self.beat_age(role, me.beat);
        let beat = check(
            &format!("{role} beat"),
            age <= self.lease,
            format!(
                "beat {}, seen to move {:.1} s ago (lease {:.0} s)",
                me.beat,
                age.as_secs_f64(),
                self.lease.as_secs_f64()
            ),
        );
        if role != Role::Dispatcher {
            return vec![beat];
        }
        metrics::gauge!("signalbox_definitions_generation").set(me.generation as f64);
        let definitions = match patiently("definitions", self.store.definitions(me.generation)).await {
            Ok(None) => check("definitions", true, format!("generation {}", me.generation)),
            Ok(Some(newer)) => {
                // A newer generation is on its way within a beat or two; only a role that knows none at all is not ready.
                check(
                    "definitions",
                    me.generation > 0,
                    format!("generation {} of {}", me.generation, newer.generation),
                )
            }
            Err(why) => check("definitions", false, why),
        };
        vec![beat, definitions]
    }

    fn beat_age(&self, role: Role, beat: u64) -> Duration {
        let now = Instant::now();
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        let last = beats.entry(role).or_insert((beat, now));
        if last.0 != beat {
            *last = (beat, now);
        }
        now.duration_since(last.1)
    }
}

fn check(name: &str, ok: bool, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), ok, detail: detail.into() }
}

async fn patiently<T>(what: &str, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, String> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => {
            Err(format!("{what}: no answer from the state store within {} s (redis.url)", PATIENCE.as_secs()))
        }
    }
}
