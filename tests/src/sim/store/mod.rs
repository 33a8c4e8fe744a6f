//! The state store as one process sees it: the model, behind a network that loses, delays, doubles and postpones requests.

mod request;

use super::fault::Fault;
use super::process::Process;
use super::simulation::Simulation;
use async_trait::async_trait;
use common::member::Member;
use common::ports::StateStore;
use common::ports::intercepted::{Intercepted, Interceptor, Operation, Run};
use common::ports::work::Wakeups;
use common::{ActiveflowId, Shard, StoreError};
use futures_util::FutureExt;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

/// The state store as one process sees it.
pub type SimStore = Intercepted<Network>;

/// The network between one process and the store.
#[derive(Clone)]
pub struct Network {
    simulation: Arc<Simulation>,
    process: Arc<Process>,
}

type Answer<T> = Result<T, StoreError>;

/// The store as `process` sees it.
pub fn seen_by(process: &Arc<Process>, simulation: &Arc<Simulation>) -> SimStore {
    Intercepted(Network { simulation: simulation.clone(), process: process.clone() })
}

#[async_trait]
impl Interceptor for Network {
    fn store(&self) -> Arc<dyn StateStore> {
        self.simulation.store.clone()
    }

    async fn call<T: Any + Send + Sync>(&self, operation: Arc<Operation>, run: Run<T>) -> Answer<T> {
        let Operation::Heartbeat { me, gone } = &*operation else {
            return self.request(operation, run).await;
        };
        let me = Member { formats: (me.formats.0, self.process.reads()), ..me.clone() };
        let heartbeat = Operation::Heartbeat { me, gone: gone.clone() };
        let answer = self.request(Arc::new(heartbeat), run).await?;
        if let Some(members) = (&answer as &dyn Any).downcast_ref::<Vec<Member>>() {
            self.process.write_what_all_read(members);
        }
        Ok(answer)
    }

    fn wakeups(&self, wakeups: Box<dyn Wakeups>) -> Box<dyn Wakeups> {
        Box::new(SimWakeups { simulation: self.simulation.clone(), wakeups })
    }
}

impl Network {
    async fn request<T: Any + Send + Sync>(&self, operation: Arc<Operation>, run: Run<T>) -> Answer<T> {
        let port = operation.name();
        let Simulation { time, .. } = &*self.simulation;
        self.simulation.until_running(&self.process).await;
        let lost = |reason: &str| StoreError::Unanswered { operation: port, reason: reason.into() };
        if self.simulation.store_is_unreachable() {
            time.sleep(self.delay()).await;
            self.simulation.until_running(&self.process).await;
            return Err(lost("unreachable"));
        }
        let fault = self.process.apply_to(self.simulation.fault(port));
        if fault != Fault::None {
            let what = request::arguments(&operation);
            self.simulation.log(format!("{}: {port} {what}: {fault:?}", self.process.name));
        }
        let effect = Effect { network: self.clone(), operation, run };
        let answer = match fault {
            Fault::LostBefore => Err(lost("lost before")),
            Fault::Refused => Err(StoreError::Refused { operation: port, reason: "refused".into() }),
            Fault::LostAfter => {
                drop(effect.apply(""));
                Err(lost("lost after"))
            }
            Fault::Slow => {
                time.sleep(self.delay()).await;
                self.simulation.until_running(&self.process).await;
                let answer = effect.apply("");
                time.sleep(self.delay()).await;
                answer
            }
            Fault::Late => {
                self.apply_later(effect);
                time.sleep(self.delay()).await;
                Err(lost("late"))
            }
            Fault::Doubled => {
                let answer = effect.apply("");
                self.apply_later(effect);
                answer
            }
            Fault::CrashBefore => {
                self.simulation.kill(&self.process, &format!("before {port}"));
                Err(lost("dead"))
            }
            Fault::CrashAfter => {
                drop(effect.apply(""));
                self.simulation.kill(&self.process, &format!("after {port}"));
                Err(lost("dead"))
            }
            _ => effect.apply(""),
        };
        self.simulation.until_running(&self.process).await;
        answer
    }

    /// Applies a delayed request later, even if its sender has died by then.
    fn apply_later<T: Any + Send + Sync>(&self, effect: Effect<T>) {
        let (time, delay) = (self.simulation.time.clone(), self.delay() * 2);
        tokio::spawn(async move {
            time.sleep(delay).await;
            drop(effect.apply(" (late)"));
        });
    }

    /// Usually milliseconds, sometimes longer than a lease.
    fn delay(&self) -> Duration {
        self.simulation.rng(|rng| if rng.percent(12) { rng.millis(1_000, 9_000) } else { rng.millis(1, 300) })
    }
}

/// A request on its way to the store. It may be applied more than once.
struct Effect<T> {
    network: Network,
    operation: Arc<Operation>,
    run: Run<T>,
}

impl<T: Any> Effect<T> {
    /// Performs the operation and audits its changes.
    fn apply(&self, late: &str) -> Answer<T> {
        let Effect { network: Network { simulation, process }, operation, run } = self;
        let (port, what) = (operation.name(), request::arguments(operation));
        let now = simulation.set_store_time();
        simulation.count_move();
        if let Err(newer) = simulation.check_formats(process, port, request::touch(operation)) {
            simulation.log(format!("{}: {port} {what}: {newer}", process.name));
            return Err(newer);
        }
        request::before(simulation, operation);
        // The model answers at the first poll.
        let answer = run(simulation.store.clone(), operation.clone()).now_or_never().unwrap();
        if let Ok(answer) = &answer {
            request::after(simulation, process, operation, answer);
        }
        let changed = simulation.store.take_changed();
        if !changed.is_empty() {
            let check_invariants = simulation.store.check_invariants();
            let summary = simulation.audit(|audit| audit.store_changed(port, now, changed, check_invariants));
            simulation.upgrade.written(process, summary.ids);
            for line in summary.lines {
                simulation.log(format!("{}{late}: {port} {what}: {line}", process.name));
            }
        }
        answer
    }
}

/// Wakeups that are sometimes lost.
struct SimWakeups {
    simulation: Arc<Simulation>,
    wakeups: Box<dyn Wakeups>,
}

#[async_trait]
impl Wakeups for SimWakeups {
    async fn next(&mut self) -> Shard {
        loop {
            let shard = self.wakeups.next().await;
            if self.simulation.fault("wakeup") == Fault::None {
                return shard;
            }
        }
    }
}

/// The first eight characters of an id, for the history.
pub fn short(id: ActiveflowId) -> String {
    id.to_string()[..8].to_owned()
}
