//! Starts processes, kills, stops and pauses them, breaks connections, fills queues, steps the clock.

use super::broker::SimBus;
use super::fault::Fault;
use super::store::SimStore;
use super::time::ProcessClock;
use super::world::{Process, SHARDS, World};
use crate::carrier::Dice;
use common::member::Role;
use common::ports::Clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Of each role so many processes.
const REPLICAS: [(Role, usize); 3] = [(Role::Dispatcher, 2), (Role::Executor, 3), (Role::Scheduler, 2)];
const LEASE: Duration = Duration::from_secs(3);

pub struct Nemesis {
    world: Arc<World>,
    dice: Dice,
    /// By place; a place without one waits for its next life.
    running: BTreeMap<String, Life>,
    lives: u32,
    deaths: mpsc::UnboundedReceiver<Arc<Process>>,
}

struct Life {
    process: Arc<Process>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Nemesis {
    pub fn new(world: Arc<World>, dice: Dice, deaths: mpsc::UnboundedReceiver<Arc<Process>>) -> Nemesis {
        Nemesis { world, dice, running: BTreeMap::new(), lives: 0, deaths }
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
        match self.dice.between(0, 20) {
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
                world.step_clock(if forward { by } else { -by / 20 });
            }
            _ => {}
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
        let process = Process::new(format!("{place}.{}", self.lives));
        self.world.say(format!("{} starts", process.name));
        let store = Arc::new(SimStore { world: self.world.clone(), process: process.clone() });
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
                dispatcher_config(&process.name),
                shutdown.clone(),
            )),
            Role::Executor => tokio::spawn(executor::run(
                executor::Ports { work: store.clone(), catalogue: store.clone(), members: store, bus, clock },
                executor_config(&process.name),
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
                scheduler_config(&process.name),
                shutdown.clone(),
            )),
        };
        Life { process, shutdown, task }
    }
}

fn dispatcher_config(place: &str) -> dispatcher::Config {
    dispatcher::Config {
        place: place.into(),
        realms: BTreeMap::new(),
        max_in_flight: 8,
        backlog_high: 100,
        backlog_low: 50,
        beat: Duration::from_millis(700),
        grace: Duration::from_secs(2),
    }
}

fn executor_config(place: &str) -> executor::Config {
    executor::Config {
        place: place.into(),
        shards: SHARDS,
        capacity: 8,
        resumes: 2,
        actions_per_commit: 256,
        confirm_timeout: Duration::from_secs(4),
        bundles: 10,
        beat: Duration::from_millis(700),
        look: Duration::from_secs(1),
        lease: LEASE,
        retry_after: Duration::from_millis(500),
        grace: Duration::from_secs(2),
    }
}

fn scheduler_config(place: &str) -> scheduler::Config {
    scheduler::Config {
        place: place.into(),
        shards: SHARDS,
        lease: LEASE,
        beat: Duration::from_millis(700),
        look: Duration::from_secs(1),
        windows: Duration::from_secs(5),
        depth: Duration::from_secs(10),
    }
}
