//! Shared state of one history: virtual time, randomness, the model, the broker, the audit, and the history as text.

use super::audit::{Audit, ENDED_RETENTION};
use super::broker::Broker;
use super::fault::{Fault, Tally};
use super::process::Process;
use super::time::Time;
use super::upgrade::{Touch, Upgrade};
use crate::rng::Rng;
use adapters::memory::{ChangeTracker, Limits, ManualTime, Store};
use common::StoreError;
use flow::Timestamp;
use flow::route::Reference;
use flow::route::Window;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

pub const SHARDS: u16 = 2;
pub const LEASE: Duration = Duration::from_secs(3);
/// 2027-01-15T08:00:00Z, in microseconds.
const EPOCH: i64 = 1_800_000_000_000_000;

pub struct Simulation {
    pub time: Arc<Time>,
    pub store: Arc<Store<ChangeTracker>>,
    store_time: ManualTime,
    /// Total steps of the store's clock, in microseconds.
    stepped: Mutex<i64>,
    /// The latest time that the store's clock has shown.
    latest: Mutex<Timestamp>,
    /// End of the store's outage.
    store_unreachable_until: Mutex<Duration>,
    pub broker: Broker,
    pub upgrade: Upgrade,
    /// Window in which messages to the seasonal number are answered.
    pub season: Window,
    /// Every process that claims an activeflow of this subject dies.
    poison: Mutex<Option<String>>,
    audit: Mutex<Audit>,
    rng: Mutex<Rng>,
    tally: Mutex<Tally>,
    history: Mutex<History>,
    /// No more faults are injected; every activeflow must end.
    healed: AtomicBool,
    /// Operations that reached the store or the bus.
    moves: AtomicU64,
    /// Tells the nemesis which processes died during a port call.
    pub deaths: mpsc::UnboundedSender<Arc<Process>>,
}

#[derive(Default)]
struct History {
    lines: Vec<String>,
    digest: DefaultHasher,
}

impl Simulation {
    pub fn new(seed: u64, deaths: mpsc::UnboundedSender<Arc<Process>>) -> Arc<Simulation> {
        let time = Arc::new(Time::default());
        let mut rng = Rng::new(seed, 4);
        let at = |millis: Duration| Timestamp::from_micros(EPOCH + millis.as_micros() as i64);
        let season = Window {
            active_from: Some(at(rng.millis(2_000, 20_000))),
            active_until: Some(at(rng.millis(25_000, 110_000))),
        };
        let store_time = ManualTime::at(Timestamp::from_micros(EPOCH));
        let limits = Limits { ended_retention: ENDED_RETENTION, ..Limits::default() };
        let store = Arc::new(Store::tracked(SHARDS, limits, store_time.clone()));
        Arc::new(Simulation {
            broker: Broker::default(),
            upgrade: Upgrade::default(),
            season,
            poison: Mutex::default(),
            latest: Mutex::default(),
            store_unreachable_until: Mutex::default(),
            audit: Mutex::default(),
            rng: Mutex::new(Rng::new(seed, 1)),
            tally: Mutex::default(),
            history: Mutex::default(),
            healed: AtomicBool::new(false),
            moves: AtomicU64::new(0),
            stepped: Mutex::new(0),
            deaths,
            time,
            store,
            store_time,
        })
    }

    /// The source of every random choice that concerns the shared state.
    pub fn rng<T>(&self, draw: impl FnOnce(&mut Rng) -> T) -> T {
        draw(&mut lock(&self.rng))
    }

    /// Draws and counts the fault of one call of `port`.
    pub fn fault(&self, port: &'static str) -> Fault {
        let fault = if self.is_healed() { Fault::None } else { self.rng(|rng| Fault::draw(rng, port)) };
        lock(&self.tally).note(port, fault);
        fault
    }

    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.log("everything heals");
    }

    pub fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Adds a line to the history.
    pub fn log(&self, line: impl AsRef<str>) {
        let mut history = lock(&self.history);
        let line = format!("{:>10.3} {}", self.time.now().as_secs_f64(), line.as_ref());
        line.hash(&mut history.digest);
        history.lines.push(line);
    }

    /// Sets the store's clock to virtual time plus its steps.
    pub fn set_store_time(&self) -> Timestamp {
        let since = self.time.now().as_micros() as i64 + *lock(&self.stepped);
        let now = Timestamp::from_micros(EPOCH + since);
        self.store_time.set(now);
        let mut latest = lock(&self.latest);
        *latest = now.max(*latest);
        now
    }

    pub fn latest_store_time(&self) -> Timestamp {
        *lock(&self.latest)
    }

    /// The time of the carriers' clocks.
    pub fn carriers_time(&self) -> Timestamp {
        Timestamp::from_micros(EPOCH + self.time.now().as_micros() as i64)
    }

    pub fn store_unreachable_until(&self, until: Duration) {
        *lock(&self.store_unreachable_until) = until;
    }

    pub fn store_is_unreachable(&self) -> bool {
        *lock(&self.store_unreachable_until) > self.time.now()
    }

    /// Checks that `process` reads the formats of the records that an operation touches.
    ///
    /// # Errors
    /// [`StoreError::TooNew`].
    pub fn check_formats(
        &self,
        process: &Process,
        operation: &'static str,
        touch: Touch,
    ) -> Result<(), StoreError> {
        let checked =
            self.audit(|audit| self.upgrade.check_formats(process, operation, touch, audit.last(), SHARDS));
        if checked.is_err() {
            self.note("format", Fault::TooNew);
        }
        checked
    }

    /// Kills every process that claims an activeflow of `subject`, until the activeflow is quarantined.
    pub fn poison_subject(&self, subject: &str) {
        *lock(&self.poison) = Some(subject.to_owned());
    }

    /// Kills `process` after a few milliseconds if it claimed a poison activeflow.
    pub fn kill_if_poisonous(self: &Arc<Self>, process: &Arc<Process>, claimed: &[&Reference]) {
        let poison = lock(&self.poison).clone();
        let quarantined = self.audit(|audit| audit.quarantined());
        let poison = poison.filter(|poison| quarantined.iter().all(|(subject, _)| subject != poison));
        let is_poisonous = claimed.iter().any(|reference| Some(&reference.subject) == poison.as_ref());
        if is_poisonous && !self.is_healed() {
            let (simulation, process, soon) =
                (self.clone(), process.clone(), self.rng(|rng| rng.millis(1, 4)));
            tokio::spawn(async move {
                simulation.time.sleep(soon).await;
                simulation.kill(&process, "of a poison activeflow");
            });
        }
    }

    /// Moves the store's clock.
    pub fn step_clock(&self, micros: i64) {
        *lock(&self.stepped) += micros;
        self.log(format!("the store's clock steps by {:.3} s", micros as f64 / 1e6));
        lock(&self.tally).note("clock", Fault::Stepped);
    }

    pub fn note(&self, port: &'static str, fault: Fault) {
        lock(&self.tally).note(port, fault);
    }

    pub fn audit<T>(&self, use_audit: impl FnOnce(&mut Audit) -> T) -> T {
        use_audit(&mut lock(&self.audit))
    }

    pub fn count_move(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// The history's lines and their hash.
    pub fn history(&self) -> (Vec<String>, u64) {
        let history = lock(&self.history);
        (history.lines.clone(), history.digest.clone().finish())
    }

    /// Kills the process: no future that it awaits ever resolves.
    pub fn kill(&self, process: &Arc<Process>, how: &str) {
        if process.dies() {
            self.log(format!("{} dies {how}", process.name));
            let _ = self.deaths.send(process.clone());
        }
    }

    /// Waits until the process is not paused. Never returns if it is dead.
    pub async fn until_running(&self, process: &Process) {
        loop {
            if process.is_dead() {
                std::future::pending::<()>().await;
            }
            let left = process.paused_until().saturating_sub(self.time.now());
            if left.is_zero() {
                return;
            }
            self.time.sleep(left).await;
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
