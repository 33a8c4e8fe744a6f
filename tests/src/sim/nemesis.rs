//! Starts, kills, stops and pauses processes, breaks connections, fills queues and steps the clock.

use super::bus::SimBus;
use super::fault::Fault;
use super::process::Process;
use super::settings;
use super::simulation::Simulation;
use super::store;
use super::time::ProcessClock;
use crate::rng::Rng;
use common::member::Role;
use common::ports::Clock;
use common::record::FORMAT;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Number of processes per role.
const REPLICAS: [(Role, usize); 3] = [(Role::Dispatcher, 2), (Role::Executor, 3), (Role::Scheduler, 2)];

pub struct Nemesis {
    simulation: Arc<Simulation>,
    rng: Rng,
    /// By instance. An instance that is missing will be started again.
    running: BTreeMap<String, RunningProcess>,
    started: u32,
    /// From then on, new processes are of the next release.
    upgrade_at: Option<Duration>,
    deaths: mpsc::UnboundedReceiver<Arc<Process>>,
}

struct RunningProcess {
    process: Arc<Process>,
    shutdown: CancellationToken,
    /// Whether it is of the release before the upgrade.
    old: bool,
    task: JoinHandle<()>,
}

impl Nemesis {
    pub fn new(
        simulation: Arc<Simulation>,
        mut rng: Rng,
        deaths: mpsc::UnboundedReceiver<Arc<Process>>,
    ) -> Nemesis {
        let upgrade_at = rng.percent(40).then(|| rng.millis(5_000, 90_000));
        Nemesis { simulation, rng, running: BTreeMap::new(), started: 0, upgrade_at, deaths }
    }

    /// Injects faults until the simulation heals, then only restarts dead processes. Never returns.
    pub async fn run(&mut self) {
        loop {
            self.start_missing();
            let pause = self.rng.millis(200, 1_500);
            self.simulation.time.sleep(pause).await;
            while let Ok(dead) = self.deaths.try_recv() {
                self.running.retain(|_, running| {
                    let died = Arc::ptr_eq(&running.process, &dead);
                    if died {
                        running.task.abort();
                    }
                    !died
                });
            }
            self.running.retain(|_, running| !running.task.is_finished());
            self.upgrade();
            if !self.simulation.is_healed() {
                self.inject_fault();
            }
        }
    }

    fn inject_fault(&mut self) {
        let (simulation, now) = (self.simulation.clone(), self.simulation.time.now());
        let victim = {
            let candidates: Vec<&RunningProcess> = self.running.values().collect();
            if candidates.is_empty() {
                return;
            }
            let running = *self.rng.pick(&candidates);
            (running.process.clone(), running.shutdown.clone())
        };
        match self.rng.between(0, 22) {
            0 => simulation.kill(&victim.0, "by the nemesis"),
            1 => {
                simulation.log(format!("{} receives a shutdown signal", victim.0.name));
                simulation.note("process", Fault::Stopped);
                victim.1.cancel();
            }
            2 | 3 => {
                let pause = self.rng.millis(500, 8_000);
                simulation.log(format!("{} is paused for {:.1} s", victim.0.name, pause.as_secs_f64()));
                simulation.note("process", Fault::Paused);
                victim.0.pause(now + pause);
            }
            4 => {
                simulation.log("the consumer's connection breaks");
                simulation.note("connection", Fault::Broken);
                simulation.broker.break_consumer();
            }
            5 => {
                let full = self.rng.millis(100, 3_000);
                simulation.log(format!("a gateway's queue is full for {:.1} s", full.as_secs_f64()));
                simulation.note("queue", Fault::Refused);
                simulation.broker.fill_until(now + full);
            }
            6 => {
                let forward = self.rng.percent(60);
                let by = self.rng.between(1_000, 90_000_000) as i64;
                simulation.step_clock(if forward { by } else { -by / 3 });
            }
            7 => {
                let outage = self.rng.millis(500, 10_000);
                simulation.log(format!("the store is unreachable for {:.1} s", outage.as_secs_f64()));
                simulation.note("store", Fault::Unreachable);
                simulation.store_unreachable_until(now + outage);
            }
            8 => {
                let outage = self.rng.millis(500, 10_000);
                simulation.log(format!("the broker is unreachable for {:.1} s", outage.as_secs_f64()));
                simulation.note("broker", Fault::Unreachable);
                simulation.broker.unreachable_until(now + outage);
            }
            _ => {}
        }
    }

    /// Stops the processes of the old release one by one during a rolling upgrade.
    fn upgrade(&mut self) {
        if self.upgrade_at.is_none_or(|at| at > self.simulation.time.now()) {
            return;
        }
        let waits = !self.simulation.is_healed() && self.rng.percent(85);
        let next = self.running.values().find(|running| running.old && !running.shutdown.is_cancelled());
        if let Some(running) = next.filter(|_| !waits) {
            self.simulation.log(format!("{} shuts down for the next release", running.process.name));
            running.shutdown.cancel();
        }
    }

    fn start_missing(&mut self) {
        for (role, replicas) in REPLICAS {
            for replica in 1..=replicas {
                let instance = format!("{role}-{replica}");
                let comes_back = self.simulation.is_healed() || self.started < 7 || self.rng.percent(60);
                if comes_back && !self.running.contains_key(&instance) {
                    let running = self.start(role, &instance);
                    self.running.insert(instance, running);
                }
            }
        }
    }

    fn start(&mut self, role: Role, instance: &str) -> RunningProcess {
        self.started += 1;
        let upgraded = self.upgrade_at.is_some_and(|at| at <= self.simulation.time.now());
        // A host that was not upgraded still starts the old release.
        let not_upgraded = !self.simulation.is_healed() && self.rng.percent(15);
        let old = !upgraded || not_upgraded;
        let process =
            Process::new(format!("{instance}.{}", self.started), if old { FORMAT } else { FORMAT + 1 });
        self.simulation.log(format!("{} starts, reads formats up to {}", process.name, process.reads()));
        let store = Arc::new(store::seen_by(&process, &self.simulation));
        let bus = Arc::new(SimBus { simulation: self.simulation.clone(), process: process.clone() });
        let seed = self.rng.throw();
        let clock: Arc<dyn Clock> =
            Arc::new(ProcessClock::new(self.simulation.time.clone(), Rng::new(seed, 9)));
        let shutdown = CancellationToken::new();
        let (eager, cancelled) = (Arc::new(executor::EagerStarts::default()), shutdown.clone());
        let executor_ports = executor::Ports {
            work: store.clone(),
            catalogue: store.clone(),
            members: store.clone(),
            bus: bus.clone(),
            clock: clock.clone(),
            eager: eager.clone(),
        };
        let run_executor = || {
            let settings = settings::executor(&process.name, &mut Rng::new(seed, 10));
            executor::run(executor_ports.clone(), settings, cancelled.clone())
        };
        let task = match role {
            Role::Dispatcher => {
                let dispatcher = dispatcher::Ports {
                    bus,
                    intake: store.clone(),
                    catalogue: store.clone(),
                    members: store.clone(),
                    upkeep: store,
                    clock,
                    eager: Some(eager),
                };
                let settings = settings::dispatcher(&process.name);
                let dispatcher = dispatcher::run(dispatcher, settings, shutdown.clone());
                // Some share their process with an executor.
                match self.rng.percent(50).then(run_executor) {
                    Some(executor) => tokio::spawn(async { _ = tokio::join!(dispatcher, executor) }),
                    None => tokio::spawn(dispatcher),
                }
            }
            Role::Executor => tokio::spawn(run_executor()),
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
        RunningProcess { process, shutdown, old, task }
    }
}
