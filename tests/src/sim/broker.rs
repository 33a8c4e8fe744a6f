//! A broker, and the bus as one process sees it: one event queue with a single active consumer, confirms that may be
//! lost, connections that break, a queue that is full for a while.

use super::fault::Fault;
use super::world::{Process, World, lock};
use crate::carrier::gateway::Command;
use crate::ledger::{Book, Received};
use async_trait::async_trait;
use common::BusError;
use common::command::Message;
use common::ports::Bus;
use common::ports::bus::{Confirm, Deliveries, Delivery, Rejection};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// How many deliveries a consumer holds.
const PREFETCH: usize = 16;

#[derive(Default)]
pub struct Broker {
    queues: Mutex<Queues>,
    changed: Notify,
}

#[derive(Default)]
struct Queues {
    events: VecDeque<(u64, Event)>,
    /// Which life of a consumer is active, and what it holds.
    active: Option<u64>,
    held: VecDeque<(u64, Event)>,
    lives: u64,
    /// Commands are refused until then.
    full_until: Duration,
    pub book: Book,
    rejected: Vec<Rejection>,
    mailboxes: BTreeMap<String, mpsc::UnboundedSender<Command>>,
    done: BTreeSet<String>,
}

/// An event as a carrier publishes it.
#[derive(Clone, Debug)]
pub struct Event {
    pub body: Vec<u8>,
    pub routing_key: String,
    pub message_id: String,
    pub reference: String,
    pub deliveries: u64,
}

impl Broker {
    /// An event is stored.
    pub fn offer(&self, event: Event) {
        lock(&self.queues).events.push_back((0, event));
        self.changed.notify_waiters();
    }

    /// Where a gateway hears the commands of a call, each id once.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.queues).mailboxes.insert(subject.to_owned(), sender);
        receiver
    }

    pub fn fill_until(&self, until: Duration) {
        lock(&self.queues).full_until = until;
    }

    /// The active consumer's connection breaks.
    pub fn break_consumer(&self) {
        lock(&self.queues).end_life(None);
        self.changed.notify_waiters();
    }

    pub fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&lock(&self.queues).book)
    }

    pub fn rejected(&self) -> Vec<String> {
        lock(&self.queues).rejected.iter().map(|r| format!("{}: {}", r.reason, r.message)).collect()
    }

    /// Events that nobody took yet.
    pub fn waiting(&self) -> usize {
        let queues = lock(&self.queues);
        queues.events.len() + queues.held.len()
    }

    fn store(&self, message: &Message) {
        let mut queues = lock(&self.queues);
        queues.book.note(&Received {
            routing_key: message.routing_key.clone(),
            message_id: Some(message.id.clone()),
            correlation_id: Some(message.correlation_id.clone()),
            content_type: Some("application/cloudevents+json".into()),
            persistent: true,
            reference: Some(message.reference.clone()),
            body: message.body.clone().into_bytes(),
        });
        if let Some(command) = Command::read(message.body.as_bytes())
            && queues.done.insert(command.id.clone())
            && let Some(mailbox) = queues.mailboxes.get(&command.subject)
        {
            let _ = mailbox.send(command);
        }
    }
}

impl Queues {
    /// Ends the active life, if it is `life` or any: what it holds comes again, first.
    fn end_life(&mut self, life: Option<u64>) {
        if life.is_some() && self.active != life {
            return;
        }
        self.active = None;
        while let Some((_, mut event)) = self.held.pop_back() {
            event.deliveries += 1;
            self.events.push_front((0, event));
        }
    }
}

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
                    event
                })
            };
            let Some(event) = taken else {
                changed.await;
                continue;
            };
            match world.fault("next", &[Fault::Broken, Fault::CrashBefore]) {
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
        if world.fault("ack", &[Fault::Broken]) != Fault::None {
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
                if queues.active.is_none() {
                    queues.lives += 1;
                    queues.active = Some(queues.lives);
                    world.say(format!("{} consumes events", process.name));
                    return Box::new(Life { bus: self.clone(), number: queues.lives, tag: 0 });
                }
            }
            changed.await;
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
        let full = lock(&world.broker.queues).full_until > world.time.now();
        let possible = [
            Fault::LostBefore,
            Fault::LostAfter,
            Fault::Slow,
            Fault::Late,
            Fault::CrashBefore,
            Fault::CrashAfter,
        ];
        // What follows on a channel that broke in this moment is lost with it.
        let fault = match full {
            true => Fault::Refused,
            false if process.broke_at() == Some(world.time.now()) => Fault::LostBefore,
            false => world.fault("publish_command", &possible),
        };
        if [Fault::LostBefore, Fault::Late, Fault::CrashBefore].contains(&fault) {
            process.breaks(world.time.now());
        }
        if fault != Fault::None {
            world.say(format!("{}: {} {}: {fault:?}", process.name, message.routing_key, message.id));
        }
        if [Fault::None, Fault::LostAfter, Fault::Slow, Fault::CrashAfter].contains(&fault) {
            world.audit(|audit| audit.at_broker(&message));
            world.broker.store(&message);
        }
        Box::pin(async move { bus.confirm(fault, message).await })
    }

    fn announce(&self, message: Message) -> Confirm {
        let fault = self.world.fault("announce", &[Fault::LostAfter, Fault::Slow]);
        let bus = self.clone();
        Box::pin(async move { bus.confirm(fault, message).await })
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.world.say(format!("{} rejects: {}", self.process.name, rejection.message));
        lock(&self.world.broker.queues).rejected.push(rejection);
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_up(&self) -> bool {
        true
    }
}

impl SimBus {
    async fn confirm(&self, fault: Fault, message: Message) -> Result<(), BusError> {
        let SimBus { world, process } = self;
        let to = message.routing_key.clone();
        let soon = world.dice(|dice| dice.millis(1, 40));
        let unconfirmed = |reason: &str| BusError::Unconfirmed { to: to.clone(), reason: reason.into() };
        let answer = match fault {
            Fault::Refused => Err(BusError::Nacked { to: to.clone() }),
            Fault::LostBefore | Fault::LostAfter => {
                world.time.sleep(soon * 20).await;
                Err(unconfirmed("the connection broke"))
            }
            Fault::Late => {
                let (later, delay) = (world.clone(), soon * 40);
                tokio::spawn(async move {
                    later.time.sleep(delay).await;
                    later.audit(|audit| audit.at_broker(&message));
                    later.broker.store(&message);
                });
                Err(unconfirmed("the connection broke"))
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
