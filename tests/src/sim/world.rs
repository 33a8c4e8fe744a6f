//! What everything in one history shares: time, dice, the model, the broker, the auditor, and the history in words.

use super::audit::Audit;
use super::broker::Broker;
use super::fault::{Fault, Tally};
use super::time::Time;
use crate::carrier::Dice;
use adapters::memory::{Limits, ManualTime, Store};
use flow::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

pub const SHARDS: u16 = 2;
/// 2027-01-15T08:00:00Z, in microseconds.
const EPOCH: i64 = 1_800_000_000_000_000;

pub struct World {
    pub time: Arc<Time>,
    pub store: Arc<Store>,
    store_time: ManualTime,
    /// How far the store's clock was stepped, in microseconds.
    stepped: Mutex<i64>,
    pub broker: Broker,
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

/// One life of one process.
pub struct Process {
    pub name: String,
    dead: AtomicBool,
    paused_until: Mutex<Duration>,
    /// When its channel for commands broke last.
    broke_at: Mutex<Option<Duration>>,
}

#[derive(Default)]
struct Words {
    lines: Vec<String>,
    digest: DefaultHasher,
}

impl World {
    pub fn new(seed: u64, deaths: mpsc::UnboundedSender<Arc<Process>>) -> Arc<World> {
        let time = Arc::new(Time::default());
        let store_time = ManualTime::at(Timestamp::from_micros(EPOCH));
        let store = Arc::new(Store::new(SHARDS, Limits::default(), store_time.clone()));
        Arc::new(World {
            broker: Broker::default(),
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
    pub fn fault(&self, port: &'static str, possible: &[Fault]) -> Fault {
        let fault =
            if self.is_healed() { Fault::None } else { self.dice(|dice| Fault::thrown(dice, possible)) };
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
        now
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
        if !process.dead.swap(true, Ordering::Relaxed) {
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
            let left = lock(&process.paused_until).saturating_sub(self.time.now());
            if left.is_zero() {
                return;
            }
            self.time.sleep(left).await;
        }
    }
}

impl Process {
    pub fn new(name: String) -> Arc<Process> {
        Arc::new(Process {
            name,
            dead: AtomicBool::new(false),
            paused_until: Mutex::default(),
            broke_at: Mutex::default(),
        })
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub fn broke_at(&self) -> Option<Duration> {
        *lock(&self.broke_at)
    }

    pub fn breaks(&self, now: Duration) {
        *lock(&self.broke_at) = Some(now);
    }

    /// As SIGSTOP does, until `until`.
    pub fn pause(&self, until: Duration) {
        *lock(&self.paused_until) = until;
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
