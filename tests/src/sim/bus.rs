//! The bus as one process sees it: lost and late confirms, broken connections, an unreachable broker.

use super::fault::Fault;
use super::process::Process;
use super::promise::Promise;
use super::simulation::{Simulation, lock};
use async_trait::async_trait;
use common::BusError;
use common::command::Message;
use common::ports::Bus;
use common::ports::bus::{Confirm, Deliveries, Delivery, Rejection};
use std::sync::Arc;
use std::time::Duration;

/// Number of dispatchers that may die while they hold an event before it is rejected.
const DEATHS_ALONE: usize = 5;
/// Maximum unacknowledged deliveries of a consumer.
const PREFETCH: usize = 16;
/// Interval between attempts to reach the broker.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The bus as `process` sees it.
#[derive(Clone)]
pub struct SimBus {
    pub simulation: Arc<Simulation>,
    pub process: Arc<Process>,
}

/// One session of a consumer.
struct Session {
    bus: SimBus,
    number: u64,
    tag: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        lock(&self.bus.simulation.broker.queues).end_session(Some(self.number));
        self.bus.simulation.broker.changed.notify_waiters();
    }
}

#[async_trait]
impl Deliveries for Session {
    async fn next(&mut self) -> Option<Delivery> {
        let SimBus { simulation, process } = &self.bus;
        loop {
            simulation.until_running(process).await;
            let changed = simulation.broker.changed.notified();
            let taken = {
                let mut queues = lock(&simulation.broker.queues);
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
            match simulation.fault("next") {
                Fault::None => {}
                fault => {
                    simulation.log(format!("{}: {} is delivered: {fault:?}", process.name, event.message_id));
                    if fault == Fault::CrashBefore {
                        simulation.kill(process, "while it holds a delivery");
                        simulation.until_running(process).await;
                    }
                    simulation.broker.break_consumer();
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
                unreadable: None,
            });
        }
    }

    fn ack_through(&self, tag: u64) {
        let SimBus { simulation, process } = &self.bus;
        if process.is_dead() {
            return;
        }
        // An acknowledgement can only be lost together with its connection.
        if simulation.fault("ack") != Fault::None {
            simulation.log(format!("{}: the connection breaks and an acknowledgement is lost", process.name));
            return simulation.broker.break_consumer();
        }
        let mut queues = lock(&simulation.broker.queues);
        if queues.active == Some(self.number) {
            queues.held.retain(|(held, _)| *held > tag);
            drop(queues);
            simulation.broker.changed.notify_waiters();
        }
    }
}

#[async_trait]
impl Bus for SimBus {
    async fn consume(&self) -> Box<dyn Deliveries> {
        let SimBus { simulation, process } = self;
        loop {
            simulation.until_running(process).await;
            let changed = simulation.broker.changed.notified();
            {
                let mut queues = lock(&simulation.broker.queues);
                if queues.active.is_none() && queues.unreachable_until <= simulation.time.now() {
                    queues.sessions += 1;
                    queues.active = Some(queues.sessions);
                    simulation.log(format!("{} consumes events", process.name));
                    return Box::new(Session { bus: self.clone(), number: queues.sessions, tag: 0 });
                }
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = simulation.time.sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm> {
        commands.into_iter().map(|message| self.publish_one(message)).collect()
    }

    fn announce(&self, message: Message) -> Confirm {
        let SimBus { simulation, process } = self;
        let bus = self.clone();
        if process.is_dead() {
            return Box::pin(std::future::pending());
        }
        simulation.audit(|audit| audit.announced(&message));
        let fault = self.fault_of("announce");
        simulation
            .log(format!("{}: {} of {}: {fault:?}", process.name, message.routing_key, message.reference));
        if fault.stores() {
            simulation.audit(|audit| audit.announcement_stored(&message));
        }
        Box::pin(async move {
            let late = message.clone();
            bus.confirm(fault, &message.routing_key, move |simulation| {
                simulation.audit(|audit| audit.announcement_stored(&late));
            })
            .await
        })
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.simulation.log(format!("{} rejects: {}", self.process.name, rejection.message));
        let id = rejection.original.get("message_id").map(String::as_str).unwrap_or_default();
        let (poison, holders) =
            (rejection.reason == "poison", self.simulation.broker.processes_that_held(id));
        self.simulation.audit(|audit| {
            audit.promises.check(Promise::Accepted, !poison || holders > DEATHS_ALONE, || {
                format!("event {id} is rejected as poison, but only {holders} dispatchers held it")
            });
        });
        lock(&self.simulation.broker.queues).rejected.push(rejection);
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_up(&self) -> bool {
        !self.simulation.broker.is_unreachable(self.simulation.time.now())
    }
}

impl SimBus {
    fn publish_one(&self, message: Message) -> Confirm {
        let SimBus { simulation, process } = self;
        let bus = self.clone();
        if process.is_dead() {
            return Box::pin(std::future::pending());
        }
        simulation.count_move();
        simulation.audit(|audit| audit.command_published(&message));
        let fault = self.fault_of("publish_command");
        if fault != Fault::None {
            simulation.log(format!("{}: {} {}: {fault:?}", process.name, message.routing_key, message.id));
        }
        if fault.stores() {
            simulation.audit(|audit| audit.at_broker(&message));
            simulation.broker.store(&message);
        }
        Box::pin(async move {
            let late = message.clone();
            bus.confirm(fault, &message.routing_key, move |simulation| {
                simulation.audit(|audit| audit.at_broker(&late));
                simulation.broker.store(&late);
            })
            .await
        })
    }

    /// Fault of one message. Messages that follow on a channel that broke at this moment are lost too.
    fn fault_of(&self, port: &'static str) -> Fault {
        let SimBus { simulation, process } = self;
        let now = simulation.time.now();
        let full = lock(&simulation.broker.queues).full_until > now;
        let fault = if full {
            Fault::Refused
        } else if simulation.broker.is_unreachable(now) || process.broke_at() == Some(now) {
            Fault::LostBefore
        } else {
            simulation.fault(port)
        };
        if [Fault::LostBefore, Fault::Late, Fault::CrashBefore].contains(&fault) {
            process.breaks(now);
        }
        fault
    }

    /// The confirm of a message to `to`. `store` puts a late message into its queue.
    async fn confirm(
        &self,
        fault: Fault,
        to: &str,
        store: impl FnOnce(&Simulation) + Send + 'static,
    ) -> Result<(), BusError> {
        let SimBus { simulation, process } = self;
        let soon = simulation.rng(|rng| rng.millis(1, 40));
        let unconfirmed = || BusError::Unconfirmed { to: to.into(), reason: "the connection broke".into() };
        let answer = match fault {
            Fault::Refused => Err(BusError::Nacked { to: to.into() }),
            Fault::LostBefore | Fault::LostAfter => {
                simulation.time.sleep(soon * 20).await;
                Err(unconfirmed())
            }
            Fault::Late => {
                let (later, delay) = (simulation.clone(), soon * 40);
                tokio::spawn(async move {
                    later.time.sleep(delay).await;
                    store(&later);
                });
                Err(unconfirmed())
            }
            Fault::CrashBefore | Fault::CrashAfter => {
                simulation.kill(process, "while it publishes a message");
                Ok(())
            }
            Fault::Slow => {
                simulation.time.sleep(soon * 100).await;
                Ok(())
            }
            _ => {
                simulation.time.sleep(soon).await;
                Ok(())
            }
        };
        simulation.until_running(process).await;
        answer
    }
}
