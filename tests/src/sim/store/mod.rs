//! The state store as one process sees it: the model, behind a network that loses, delays, doubles and postpones requests.

mod request;

use super::fault::Fault;
use super::process::Process;
use super::world::World;
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
    world: Arc<World>,
    process: Arc<Process>,
}

type Answer<T> = Result<T, StoreError>;

/// The store as `process` sees it.
pub fn seen_by(process: &Arc<Process>, world: &Arc<World>) -> SimStore {
    Intercepted(Network { world: world.clone(), process: process.clone() })
}

#[async_trait]
impl Interceptor for Network {
    fn store(&self) -> Arc<dyn StateStore> {
        self.world.store.clone()
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
        Box::new(SimWakeups { world: self.world.clone(), wakeups })
    }
}

impl Network {
    async fn request<T: Any + Send + Sync>(&self, operation: Arc<Operation>, run: Run<T>) -> Answer<T> {
        let port = operation.name();
        let World { time, .. } = &*self.world;
        self.world.may_go_on(&self.process).await;
        let lost = |reason: &str| StoreError::Unanswered { operation: port, reason: reason.into() };
        if self.world.store_is_away() {
            time.sleep(self.delay()).await;
            self.world.may_go_on(&self.process).await;
            return Err(lost("away"));
        }
        let fault = self.process.suffers(self.world.fault(port));
        if fault != Fault::None {
            let what = request::arguments(&operation);
            self.world.say(format!("{}: {port} {what}: {fault:?}", self.process.name));
        }
        let effect = Effect { network: self.clone(), operation, run };
        let answer = match fault {
            Fault::LostBefore => Err(lost("lost before")),
            Fault::Refused => Err(StoreError::Refused { operation: port, reason: "refused".into() }),
            Fault::LostAfter => {
                drop(effect.take(""));
                Err(lost("lost after"))
            }
            Fault::Slow => {
                time.sleep(self.delay()).await;
                self.world.may_go_on(&self.process).await;
                let answer = effect.take("");
                time.sleep(self.delay()).await;
                answer
            }
            Fault::Late => {
                self.again_later(effect);
                time.sleep(self.delay()).await;
                Err(lost("late"))
            }
            Fault::Doubled => {
                let answer = effect.take("");
                self.again_later(effect);
                answer
            }
            Fault::CrashBefore => {
                self.world.kill(&self.process, &format!("before {port}"));
                Err(lost("dead"))
            }
            Fault::CrashAfter => {
                drop(effect.take(""));
                self.world.kill(&self.process, &format!("after {port}"));
                Err(lost("dead"))
            }
            _ => effect.take(""),
        };
        self.world.may_go_on(&self.process).await;
        answer
    }

    /// A request that the network kept: it takes effect some time, whoever may have died since.
    fn again_later<T: Any + Send + Sync>(&self, effect: Effect<T>) {
        let (time, delay) = (self.world.time.clone(), self.delay() * 2);
        tokio::spawn(async move {
            time.sleep(delay).await;
            drop(effect.take(" (late)"));
        });
    }

    /// Mostly milliseconds, now and then longer than a lease.
    fn delay(&self) -> Duration {
        self.world.dice(|dice| if dice.percent(12) { dice.millis(1_000, 9_000) } else { dice.millis(1, 300) })
    }
}

/// What a request does when it reaches the store, however often that is.
struct Effect<T> {
    network: Network,
    operation: Arc<Operation>,
    run: Run<T>,
}

impl<T: Any> Effect<T> {
    /// The operation takes effect, and the auditor looks at what it changed.
    fn take(&self, late: &str) -> Answer<T> {
        let Effect { network: Network { world, process }, operation, run } = self;
        let (port, what) = (operation.name(), request::arguments(operation));
        let now = world.set_store_time();
        world.moved();
        if let Err(newer) = world.admits(process, port, request::touch(operation)) {
            world.say(format!("{}: {port} {what}: {newer}", process.name));
            return Err(newer);
        }
        // The model answers at once.
        request::before(world, operation);
        let answer = run(world.store.clone(), operation.clone()).now_or_never().unwrap();
        if let Ok(answer) = &answer {
            request::after(world, process, operation, answer);
        }
        let changed = world.store.take_changed();
        if !changed.is_empty() {
            let check_invariants = world.store.check_invariants();
            let moved = world.audit(|audit| audit.store_moved(port, now, changed, check_invariants));
            world.upgrade.written(process, moved.ids);
            for line in moved.lines {
                world.say(format!("{}{late}: {port} {what}: {line}", process.name));
            }
        }
        answer
    }
}

/// Rings are lost now and then, and only make things sooner.
struct SimWakeups {
    world: Arc<World>,
    wakeups: Box<dyn Wakeups>,
}

#[async_trait]
impl Wakeups for SimWakeups {
    async fn next(&mut self) -> Shard {
        loop {
            let shard = self.wakeups.next().await;
            if self.world.fault("wakeup") == Fault::None {
                return shard;
            }
        }
    }
}

pub fn short(id: ActiveflowId) -> String {
    id.to_string()[..8].to_owned()
}
