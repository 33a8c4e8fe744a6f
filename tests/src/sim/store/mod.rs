//! The state store as one process sees it: the model, through a network that loses, delays, doubles and releases late.

mod ports;

use super::fault::Fault;
use super::process::Process;
use super::upgrade::Touch;
use super::world::World;
use async_trait::async_trait;
use common::ports::work::Wakeups;
use common::{ActiveflowId, Shard, StoreError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
pub struct SimStore {
    pub world: Arc<World>,
    pub process: Arc<Process>,
}

type Answer<T> = Result<T, StoreError>;

impl SimStore {
    async fn ask<T: Send + 'static>(
        &self,
        port: &'static str,
        what: String,
        touch: Touch,
        operation: impl Fn(Arc<World>) -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static,
    ) -> Answer<T> {
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
            self.world.say(format!("{}: {port} {what}: {fault:?}", self.process.name));
        }
        let effect = Effect { store: self.clone(), port, what, touch, operation };
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
    fn again_later<T, F>(&self, effect: Effect<F>)
    where
        T: Send + 'static,
        F: Fn(Arc<World>) -> BoxFuture<'static, Answer<T>> + Send + Sync + 'static,
    {
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
struct Effect<F> {
    store: SimStore,
    port: &'static str,
    what: String,
    touch: Touch,
    operation: F,
}

impl<F> Effect<F> {
    /// The operation takes effect, and the auditor looks at what it changed.
    fn take<T>(&self, late: &str) -> Answer<T>
    where
        F: Fn(Arc<World>) -> BoxFuture<'static, Answer<T>>,
    {
        let Effect { store: SimStore { world, process }, port, what, touch, operation } = self;
        let now = world.set_store_time();
        world.moved();
        if let Err(newer) = world.admits(process, port, *touch) {
            world.say(format!("{}: {port} {what}: {newer}", process.name));
            return Err(newer);
        }
        // The model answers at once.
        let answer = operation(world.clone()).now_or_never().unwrap();
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
