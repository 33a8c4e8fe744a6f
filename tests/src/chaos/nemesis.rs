//! The nemesis: a seeded list of faults, each struck only while enough activeflows are in flight.
//!
//! It injections as the load advances (from a fifth to nine tenths of its calls), so a run of any size gets all faults.

use super::fleet::Fleet;
use super::load::Load;
use super::metrics;
use super::settings::Settings;
use super::site::Site;
use crate::carrier::Timeline;
use crate::rng::Rng;
use crate::support::Signal;
use std::sync::Arc;
use std::time::Duration;

/// Minimum number of calls in flight for a fault to count.
pub const IN_FLIGHT: u64 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Kill -9 the process with this index.
    Kill(usize),
    /// Stop an executor past its lease and let it go on.
    Pause(usize),
    Store,
    Broker,
}

/// A fault that was struck.
#[derive(Clone, Debug)]
pub struct Injection {
    pub fault: String,
    pub at: Duration,
    pub in_flight: u64,
}

pub struct Nemesis {
    faults: Vec<Fault>,
    rng: Rng,
    pub injections: Vec<Injection>,
    /// Processes that ended without having been killed.
    pub deaths: Vec<String>,
    /// Starts that a role refused, in a sentence, because a service was away at that timing.
    pub refused_starts: u32,
}

impl Nemesis {
    pub fn new(settings: &Settings, fleet: &Fleet) -> Nemesis {
        let mut rng = Rng::new(settings.seed, 2);
        let mut faults = vec![Fault::Store, Fault::Store, Fault::Broker, Fault::Broker];
        for (index, process) in fleet.members.iter().enumerate() {
            faults.extend((0..settings.kills).map(|_| Fault::Kill(index)));
            if process.role == "executor" {
                faults.push(Fault::Pause(index));
            }
        }
        rng.shuffle(&mut faults);
        Nemesis { faults, rng, injections: Vec::new(), deaths: Vec::new(), refused_starts: 0 }
    }

    /// Strikes every fault. `lease` is that of the fleet; a pause lasts longer.
    pub async fn inject(
        &mut self,
        settings: &Settings,
        fleet: &mut Fleet,
        site: &mut Site,
        load: &Arc<Load>,
        timeline: &Timeline,
        lease: Duration,
    ) {
        let faults = self.faults.clone();
        let (first, last) = (settings.calls / 5, settings.calls * 9 / 10);
        for (index, fault) in faults.iter().enumerate() {
            let threshold = first + (last - first) * index as u64 / faults.len() as u64;
            self.supervise(fleet, || load.started() >= threshold && load.live() >= IN_FLIGHT).await;
            let fault_name = name(*fault, fleet);
            self.injections.push(Injection {
                fault: fault_name,
                at: timeline.elapsed(),
                in_flight: load.live(),
            });
            self.injection(*fault, fleet, site, lease).await;
            load.release_copies();
        }
    }

    async fn injection(&mut self, fault: Fault, fleet: &mut Fleet, site: &mut Site, lease: Duration) {
        let pause = self.rng.millis(100, 900);
        match fault {
            Fault::Kill(index) => {
                let member = &mut fleet.members[index];
                member.kill().await;
                tokio::time::sleep(pause).await;
                member.revive();
            }
            Fault::Pause(index) => {
                let member = &fleet.members[index];
                // While the broker stands still the executor holds what waits for confirms: it stops with full hands.
                site.rabbit.stop_process();
                wait_for_full_hands(member.ops_port).await;
                member.signal(Signal::Stop);
                site.rabbit.cont();
                tokio::time::sleep(lease * 2 + pause).await;
                member.signal(Signal::Cont);
            }
            Fault::Store => site.restart_store(pause).await,
            Fault::Broker => site.restart_broker(pause).await,
        }
    }

    /// Does what a service manager does until `done`: starts again what ended by itself, and notes it.
    pub async fn supervise(&mut self, fleet: &mut Fleet, done: impl Fn() -> bool) {
        while !done() {
            for member in &mut fleet.members {
                if member.is_running() {
                    continue;
                }
                match member.last_words().strip_prefix("error: ") {
                    Some(_) => self.refused_starts += 1,
                    None => {
                        self.deaths.push(format!("{} ended by itself: {}", member.name, member.last_words()))
                    }
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                member.revive();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn name(fault: Fault, fleet: &Fleet) -> String {
    match fault {
        Fault::Kill(index) => format!("kill -9 {}", fleet.members[index].name),
        Fault::Pause(index) => format!("pause {}", fleet.members[index].name),
        Fault::Store => "kill -9 redis".into(),
        Fault::Broker => "kill -9 rabbitmq".into(),
    }
}

/// Until the executor holds at least ten activeflows; shorter than any heartbeat of the broker that stands still.
async fn wait_for_full_hands(ops_port: u16) {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let counted = metrics::read(ops_port).await.unwrap_or_default();
        if counted.get("signalbox_executor_in_flight").is_some_and(|held| *held >= 10.0) {
            return;
        }
    }
}
