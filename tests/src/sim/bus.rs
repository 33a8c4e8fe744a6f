//! The bus as one process sees it: confirms that may be lost or come late, connections that break, a broker that is away.

use super::fault::Fault;
use super::process::Process;
use super::promise::Promise;
use super::world::{World, lock};
use async_trait::async_trait;
use common::BusError;
use common::command::Message;
use common::ports::Bus;
use common::ports::bus::{Confirm, Deliveries, Delivery, Rejection};
use std::sync::Arc;
use std::time::Duration;

/// Of so many dispatchers an event is the death before it is rejected.
const DEATHS_ALONE: usize = 5;
/// How many deliveries a consumer holds.
const PREFETCH: usize = 16;
/// How often who waits for a broker that is away tries again.
const LOOK: Duration = Duration::from_secs(1);

/// The bus as `process` sees it.
#[derive(Clone)]
pub struct SimBus {
    pub world: Arc<World>,
    pub process: Arc<Process>,
}

struct Life {
    bus: SimBus,
    number: u64,
    tag: u64,
}

impl Drop for Life {
    fn drop(&mut self) {
        lock(&self.bus.world.broker.queues).end_life(Some(self.number));
        self.bus.world.broker.changed.notify_waiters();
    }
}

#[async_trait]
impl Deliveries for Life {
    async fn next(&mut self) -> Option<Delivery> {
        let SimBus { world, process } = &self.bus;
        loop {
            world.may_go_on(process).await;
            let changed = world.broker.changed.notified();
            let taken = {
                let mut queues = lock(&world.broker.queues);
                if queues.active != Some(self.number) {
                    return None;
                }
                let has_room = queues.held.len() < PREFETCH;
                let next = if has_room { queues.events.pop_front() } else { None };
                next.map(|(_, event)| {
                    self.tag += 1;
                    queues.held.push_back((self.tag, event.clone()));
                    let held_by = queues.held_by.entry(event.message_id.clone()).or_default();
                    held_by.insert(process.name.clone());
                    event
                })
            };
            let Some(event) = taken else {
                changed.await;
                continue;
            };
            match world.fault("next") {
                Fault::None => {}
                fault => {
                    world.say(format!("{}: {} is delivered: {fault:?}", process.name, event.message_id));
                    if fault == Fault::CrashBefore {
                        world.kill(process, "with a delivery in its hands");
                        world.may_go_on(process).await;
                    }
                    world.broker.break_consumer();
                    return None;
                }
            }
            return Some(Delivery {
                tag: self.tag,
                body: event.body,
                routing_key: event.routing_key,
                reference: Some(event.reference),
                message_id: Some(event.message_id),
                traceparent: None,
                user_id: None,
                delivery_count: event.deliveries,
            });
        }
    }

    fn ack_through(&self, tag: u64) {
        let SimBus { world, process } = &self.bus;
        if process.is_dead() {
            return;
        }
        // An acknowledgement is lost only together with its connection.
        if world.fault("ack") != Fault::None {
            world.say(format!("{}: the connection breaks with an acknowledgement", process.name));
            return world.broker.break_consumer();
        }
        let mut queues = lock(&world.broker.queues);
        if queues.active == Some(self.number) {
            queues.held.retain(|(held, _)| *held > tag);
            drop(queues);
            world.broker.changed.notify_waiters();
        }
    }
}

#[async_trait]
impl Bus for SimBus {
    async fn consume(&self) -> Box<dyn Deliveries> {
        let SimBus { world, process } = self;
        loop {
            world.may_go_on(process).await;
            let changed = world.broker.changed.notified();
            {
                let mut queues = lock(&world.broker.queues);
                if queues.active.is_none() && queues.away_until <= world.time.now() {
                    queues.lives += 1;
                    queues.active = Some(queues.lives);
                    world.say(format!("{} consumes events", process.name));
                    return Box::new(Life { bus: self.clone(), number: queues.lives, tag: 0 });
                }
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = world.time.sleep(LOOK) => {}
            }
        }
    }

    fn publish(&self, message: Message) -> Confirm {
        let SimBus { world, process } = self;
        let bus = self.clone();
        if process.is_dead() {
            return Box::pin(std::future::pending());
        }
        world.moved();
        world.audit(|audit| audit.spoken(&message));
        let fault = self.fault_of("publish_command");
        if fault != Fault::None {
            world.say(format!("{}: {} {}: {fault:?}", process.name, message.routing_key, message.id));
        }
        if fault.stores() {
            world.audit(|audit| audit.at_broker(&message));
            world.broker.store(&message);
        }
        Box::pin(async move {
            let late = message.clone();
            bus.confirm(fault, &message.routing_key, move |world| {
                world.audit(|audit| audit.at_broker(&late));
                world.broker.store(&late);
            })
            .await
        })
    }

    fn announce(&self, message: Message) -> Confirm {
        let SimBus { world, process } = self;
        let bus = self.clone();
        if process.is_dead() {
            return Box::pin(std::future::pending());
        }
        world.audit(|audit| audit.announced(&message));
        let fault = self.fault_of("announce");
        world.say(format!("{}: {} of {}: {fault:?}", process.name, message.routing_key, message.reference));
        if fault.stores() {
            world.audit(|audit| audit.announcement_stored(&message));
        }
        Box::pin(async move {
            let late = message.clone();
            bus.confirm(fault, &message.routing_key, move |world| {
                world.audit(|audit| audit.announcement_stored(&late));
            })
            .await
        })
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.world.say(format!("{} rejects: {}", self.process.name, rejection.message));
        let id = rejection.original.get("message_id").map(String::as_str).unwrap_or_default();
        let (poison, lives) = (rejection.reason == "poison", self.world.broker.lives_of(id));
        self.world.audit(|audit| {
            audit.promises.demand(Promise::Accepted, !poison || lives > DEATHS_ALONE, || {
                format!("event {id} is said to be poison, and {lives} dispatchers ever had it")
            });
        });
        lock(&self.world.broker.queues).rejected.push(rejection);
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_up(&self) -> bool {
        !self.world.broker.is_away(self.world.time.now())
    }
}

impl SimBus {
    /// What happens to a message; what follows on a channel that broke in this moment is lost with it.
    fn fault_of(&self, port: &'static str) -> Fault {
        let SimBus { world, process } = self;
        let now = world.time.now();
        let full = lock(&world.broker.queues).full_until > now;
        let fault = if full {
            Fault::Refused
        } else if world.broker.is_away(now) || process.broke_at() == Some(now) {
            Fault::LostBefore
        } else {
            world.fault(port)
        };
        if [Fault::LostBefore, Fault::Late, Fault::CrashBefore].contains(&fault) {
            process.breaks(now);
        }
        fault
    }

    /// The answer to a message to `to`; `store` puts it into its queue when it comes late.
    async fn confirm(
        &self,
        fault: Fault,
        to: &str,
        store: impl FnOnce(&World) + Send + 'static,
    ) -> Result<(), BusError> {
        let SimBus { world, process } = self;
        let soon = world.dice(|dice| dice.millis(1, 40));
        let unconfirmed = || BusError::Unconfirmed { to: to.into(), reason: "the connection broke".into() };
        let answer = match fault {
            Fault::Refused => Err(BusError::Nacked { to: to.into() }),
            Fault::LostBefore | Fault::LostAfter => {
                world.time.sleep(soon * 20).await;
                Err(unconfirmed())
            }
            Fault::Late => {
                let (later, delay) = (world.clone(), soon * 40);
                tokio::spawn(async move {
                    later.time.sleep(delay).await;
                    store(&later);
                });
                Err(unconfirmed())
            }
            Fault::CrashBefore | Fault::CrashAfter => {
                world.kill(process, "while it publishes");
                Ok(())
            }
            Fault::Slow => {
                world.time.sleep(soon * 100).await;
                Ok(())
            }
            _ => {
                world.time.sleep(soon).await;
                Ok(())
            }
        };
        world.may_go_on(process).await;
        answer
    }
}
