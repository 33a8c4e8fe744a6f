//! Starts processes, kills, stops and pauses them, breaks connections, fills queues, steps the clock.

use super::bus::SimBus;
use super::fault::Fault;
use super::process::Process;
use super::settings;
use super::store;
use super::time::ProcessClock;
use super::world::World;
use crate::carrier::Dice;
use common::member::Role;
use common::ports::Clock;
use common::record::FORMAT;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Of each role so many processes.
const REPLICAS: [(Role, usize); 3] = [(Role::Dispatcher, 2), (Role::Executor, 3), (Role::Scheduler, 2)];

pub struct Nemesis {
    world: Arc<World>,
    dice: Dice,
    /// By place; a place without one waits for its next life.
    running: BTreeMap<String, Life>,
    lives: u32,
    /// From then on every new life is of the next release.
    upgrade_at: Option<Duration>,
    deaths: mpsc::UnboundedReceiver<Arc<Process>>,
}

struct Life {
    process: Arc<Process>,
    shutdown: CancellationToken,
    /// Of the release before the upgrade.
    old: bool,
    task: JoinHandle<()>,
}

impl Nemesis {
    pub fn new(world: Arc<World>, mut dice: Dice, deaths: mpsc::UnboundedReceiver<Arc<Process>>) -> Nemesis {
        let upgrade_at = dice.percent(40).then(|| dice.millis(5_000, 90_000));
        Nemesis { world, dice, running: BTreeMap::new(), lives: 0, upgrade_at, deaths }
    }

    /// Makes trouble until everything heals, and then only starts what died; never returns.
    pub async fn rage(&mut self) {
        loop {
            self.start_missing();
            let pause = self.dice.millis(200, 1_500);
            self.world.time.sleep(pause).await;
            while let Ok(dead) = self.deaths.try_recv() {
                self.running.retain(|_, life| {
                    let died = Arc::ptr_eq(&life.process, &dead);
                    if died {
                        life.task.abort();
                    }
                    !died
                });
            }
            self.running.retain(|_, life| !life.task.is_finished());
            self.upgrade();
            if !self.world.is_healed() {
                self.trouble();
            }
        }
    }

    fn trouble(&mut self) {
        let (world, now) = (self.world.clone(), self.world.time.now());
        let victim = {
            let lives: Vec<&Life> = self.running.values().collect();
            if lives.is_empty() {
                return;
            }
            let life = *self.dice.pick(&lives);
            (life.process.clone(), life.shutdown.clone())
        };
        match self.dice.between(0, 22) {
            0 => world.kill(&victim.0, "by the nemesis"),
            1 => {
                world.say(format!("{} is told to stop", victim.0.name));
                world.note("process", Fault::Stopped);
                victim.1.cancel();
            }
            2 | 3 => {
                let pause = self.dice.millis(500, 8_000);
                world.say(format!("{} is paused for {:.1} s", victim.0.name, pause.as_secs_f64()));
                world.note("process", Fault::Paused);
                victim.0.pause(now + pause);
            }
            4 => {
                world.say("the consumer's connection breaks");
                world.note("connection", Fault::Broken);
                world.broker.break_consumer();
            }
            5 => {
                let full = self.dice.millis(100, 3_000);
                world.say(format!("a gateway's queue is full for {:.1} s", full.as_secs_f64()));
                world.note("queue", Fault::Refused);
                world.broker.fill_until(now + full);
            }
            6 => {
                let forward = self.dice.percent(60);
                let by = self.dice.between(1_000, 90_000_000) as i64;
                world.step_clock(if forward { by } else { -by / 3 });
            }
            7 => {
                let away = self.dice.millis(500, 10_000);
                world.say(format!("the store is away for {:.1} s", away.as_secs_f64()));
                world.note("store", Fault::Away);
                world.store_away_until(now + away);
            }
            8 => {
                let away = self.dice.millis(500, 10_000);
                world.say(format!("the broker is away for {:.1} s", away.as_secs_f64()));
                world.note("broker", Fault::Away);
                world.broker.away_until(now + away);
            }
            _ => {}
        }
    }

    /// During a rolling upgrade, processes of the old release are told to stop one by one.
    fn upgrade(&mut self) {
        if self.upgrade_at.is_none_or(|at| at > self.world.time.now()) {
            return;
        }
        let patient = !self.world.is_healed() && self.dice.percent(85);
        let next = self.running.values().find(|life| life.old && !life.shutdown.is_cancelled());
        if let Some(life) = next.filter(|_| !patient) {
            self.world.say(format!("{} is told to stop for the next release", life.process.name));
            life.shutdown.cancel();
        }
    }

    fn start_missing(&mut self) {
        for (role, replicas) in REPLICAS {
            for replica in 1..=replicas {
                let place = format!("{role}-{replica}");
                let comes_back = self.world.is_healed() || self.lives < 7 || self.dice.percent(60);
                if comes_back && !self.running.contains_key(&place) {
                    let life = self.begin(role, &place);
                    self.running.insert(place, life);
                }
            }
        }
    }

    fn begin(&mut self, role: Role, place: &str) -> Life {
        self.lives += 1;
        let upgraded = self.upgrade_at.is_some_and(|at| at <= self.world.time.now());
        // A host that was forgotten still starts the release before.
        let forgotten = !self.world.is_healed() && self.dice.percent(15);
        let old = !upgraded || forgotten;
        let process = Process::new(format!("{place}.{}", self.lives), if old { FORMAT } else { FORMAT + 1 });
        self.world.say(format!("{} starts, reads formats up to {}", process.name, process.reads()));
        let store = Arc::new(store::seen_by(&process, &self.world));
        let bus = Arc::new(SimBus { world: self.world.clone(), process: process.clone() });
        let seed = self.dice.throw();
        let clock: Arc<dyn Clock> = Arc::new(ProcessClock::new(self.world.time.clone(), Dice::new(seed, 9)));
        let shutdown = CancellationToken::new();
        let task = match role {
            Role::Dispatcher => tokio::spawn(dispatcher::run(
                dispatcher::Ports {
                    bus,
                    intake: store.clone(),
                    catalogue: store.clone(),
                    members: store.clone(),
                    upkeep: store,
                    clock,
                },
                settings::dispatcher(&process.name),
                shutdown.clone(),
            )),
            Role::Executor => tokio::spawn(executor::run(
                executor::Ports { work: store.clone(), catalogue: store.clone(), members: store, bus, clock },
                settings::executor(&process.name, &mut Dice::new(seed, 10)),
                shutdown.clone(),
            )),
            Role::Scheduler => tokio::spawn(scheduler::run(
                scheduler::Ports {
                    upkeep: store.clone(),
                    members: store.clone(),
                    catalogue: store,
                    bus,
                    clock,
                },
                settings::scheduler(&process.name),
                shutdown.clone(),
            )),
        };
        Life { process, shutdown, old, task }
    }
}
