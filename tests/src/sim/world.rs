//! What everything in one history shares: time, dice, the model, the broker, the auditor, and the history in words.

use super::audit::{Audit, ENDED_RETENTION};
use super::broker::Broker;
use super::fault::{Fault, Tally};
use super::process::Process;
use super::time::Time;
use super::upgrade::{Touch, Upgrade};
use crate::carrier::Dice;
use adapters::memory::{ChangeTracker, Limits, ManualTime, Store};
use common::StoreError;
use common::ports::work::Row;
use flow::Timestamp;
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

pub struct World {
    pub time: Arc<Time>,
    pub store: Arc<Store<ChangeTracker>>,
    store_time: ManualTime,
    /// How far the store's clock was stepped, in microseconds.
    stepped: Mutex<i64>,
    /// The latest time that the store's clock ever showed.
    latest: Mutex<Timestamp>,
    /// Nobody reaches the store until then.
    store_away_until: Mutex<Duration>,
    pub broker: Broker,
    pub upgrade: Upgrade,
    /// When messages to the seasonal number are answered.
    pub season: Window,
    /// Whoever claims an activeflow of this subject dies of it.
    cursed: Mutex<Option<String>>,
    audit: Mutex<Audit>,
    dice: Mutex<Dice>,
    tally: Mutex<Tally>,
    words: Mutex<Words>,
    /// No more faults: everything must come to its end now.
    healed: AtomicBool,
    moves: AtomicU64,
    /// Tells the nemesis who died at a port call.
    pub deaths: mpsc::UnboundedSender<Arc<Process>>,
}

#[derive(Default)]
struct Words {
    lines: Vec<String>,
    digest: DefaultHasher,
}

impl World {
    pub fn new(seed: u64, deaths: mpsc::UnboundedSender<Arc<Process>>) -> Arc<World> {
        let time = Arc::new(Time::default());
        let mut dice = Dice::new(seed, 4);
        let at = |millis: Duration| Timestamp::from_micros(EPOCH + millis.as_micros() as i64);
        let season = Window {
            active_from: Some(at(dice.millis(2_000, 20_000))),
            active_until: Some(at(dice.millis(25_000, 110_000))),
        };
        let store_time = ManualTime::at(Timestamp::from_micros(EPOCH));
        let limits = Limits { ended_retention: ENDED_RETENTION, ..Limits::default() };
        let store = Arc::new(Store::tracked(SHARDS, limits, store_time.clone()));
        Arc::new(World {
            broker: Broker::default(),
            upgrade: Upgrade::default(),
            season,
            cursed: Mutex::default(),
            latest: Mutex::default(),
            store_away_until: Mutex::default(),
            audit: Mutex::default(),
            dice: Mutex::new(Dice::new(seed, 1)),
            tally: Mutex::default(),
            words: Mutex::default(),
            healed: AtomicBool::new(false),
            moves: AtomicU64::new(0),
            stepped: Mutex::new(0),
            deaths,
            time,
            store,
            store_time,
        })
    }

    /// Everything that the world decides by chance comes from here, in the order in which it is asked.
    pub fn dice<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut lock(&self.dice))
    }

    /// What happens to a call of `port`, and the note that it did.
    pub fn fault(&self, port: &'static str) -> Fault {
        let fault = if self.is_healed() { Fault::None } else { self.dice(|dice| Fault::thrown(dice, port)) };
        lock(&self.tally).note(port, fault);
        fault
    }

    pub fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.say("everything heals");
    }

    pub fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// A line of the history.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut words = lock(&self.words);
        let line = format!("{:>10.3} {}", self.time.now().as_secs_f64(), line.as_ref());
        line.hash(&mut words.digest);
        words.lines.push(line);
    }

    /// Sets the store's clock by virtual time and by how far it was stepped.
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

    /// What the clocks of carriers show.
    pub fn carriers_time(&self) -> Timestamp {
        Timestamp::from_micros(EPOCH + self.time.now().as_micros() as i64)
    }

    pub fn store_away_until(&self, until: Duration) {
        *lock(&self.store_away_until) = until;
    }

    pub fn store_is_away(&self) -> bool {
        *lock(&self.store_away_until) > self.time.now()
    }

    /// Whether `process` reads the formats of what an operation is about to touch.
    ///
    /// # Errors
    /// [`StoreError::TooNew`].
    pub fn admits(&self, process: &Process, operation: &'static str, touch: Touch) -> Result<(), StoreError> {
        let admitted =
            self.audit(|audit| self.upgrade.admits(process, operation, touch, audit.last(), SHARDS));
        if admitted.is_err() {
            self.note("format", Fault::TooNew);
        }
        admitted
    }

    /// From now on whoever claims an activeflow of `subject` dies of it, until one is quarantined.
    pub fn curse_subject(&self, subject: &str) {
        *lock(&self.cursed) = Some(subject.to_owned());
    }

    /// Kills `process`, soon, if what it claimed is cursed.
    pub fn curse(self: &Arc<Self>, process: &Arc<Process>, rows: &[Row]) {
        let cursed = lock(&self.cursed).clone();
        let quarantined = self.audit(|audit| audit.quarantined());
        let cursed = cursed.filter(|cursed| quarantined.iter().all(|(subject, _)| subject != cursed));
        let is_cursed = rows.iter().any(|row| Some(&row.record.spec.reference.subject) == cursed.as_ref());
        if is_cursed && !self.is_healed() {
            let (world, process, soon) = (self.clone(), process.clone(), self.dice(|dice| dice.millis(1, 4)));
            tokio::spawn(async move {
                world.time.sleep(soon).await;
                world.kill(&process, "of a curse");
            });
        }
    }

    /// The store's clock jumps.
    pub fn step_clock(&self, micros: i64) {
        *lock(&self.stepped) += micros;
        self.say(format!("the store's clock steps by {:.3} s", micros as f64 / 1e6));
        lock(&self.tally).note("clock", Fault::Stepped);
    }

    pub fn note(&self, port: &'static str, fault: Fault) {
        lock(&self.tally).note(port, fault);
    }

    pub fn audit<T>(&self, look: impl FnOnce(&mut Audit) -> T) -> T {
        look(&mut lock(&self.audit))
    }

    pub fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// The history's lines, and a number that two equal histories share.
    pub fn told(&self) -> (Vec<String>, u64) {
        let words = lock(&self.words);
        (words.lines.clone(), words.digest.clone().finish())
    }

    /// The process dies here: nothing that it awaits ever comes.
    pub fn kill(&self, process: &Arc<Process>, how: &str) {
        if process.dies() {
            self.say(format!("{} dies {how}", process.name));
            let _ = self.deaths.send(process.clone());
        }
    }

    /// Returns when the process may go on: never, if it is dead.
    pub async fn may_go_on(&self, process: &Process) {
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
