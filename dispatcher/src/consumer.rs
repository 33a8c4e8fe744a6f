//! The concurrency of a dispatcher: takes deliveries, gives each its turn in its key, acknowledges what is settled.

use crate::acks::Acks;
use crate::address::key;
use crate::apply::{apply, apply_alone, read_guarded};
use crate::key_queues::{Key, KeyQueues};
use crate::source::Source;
use crate::{Dispatcher, metrics};
use common::address::Read;
use common::ports::bus::Delivery;
use common::refusal::Refusal;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

/// An event that was delivered so often without an acknowledgement is handled alone.
const SUSPICIOUS: u64 = 3;

pub struct Consumer<'a> {
    dispatcher: &'a Dispatcher,
    source: Source,
    /// Counts consumer sessions: tags mean something only within one.
    session: u64,
    acks: Acks,
    key_queues: KeyQueues<PendingDelivery>,
    running: FuturesUnordered<BoxFuture<'a, Done>>,
    waiting: usize,
    alone: Alone,
}

struct PendingDelivery {
    session: u64,
    delivery: Delivery,
    read: Result<Read, Refusal>,
}

struct Done {
    session: u64,
    tag: u64,
    key: Option<Key>,
}

/// A suspicious event waits until nothing else is held, and nothing else is taken until it is done.
enum Alone {
    No,
    Next(Delivery),
    UnderWay,
}

impl<'a> Consumer<'a> {
    pub fn new(dispatcher: &'a Dispatcher) -> Consumer<'a> {
        Consumer {
            dispatcher,
            source: Source::new(dispatcher.ports.bus.clone()),
            session: 0,
            acks: Acks::default(),
            key_queues: KeyQueues::default(),
            running: FuturesUnordered::new(),
            waiting: 0,
            alone: Alone::No,
        }
    }

    /// Takes events until `shutdown`, then finishes what it holds within the grace period.
    pub async fn serve(&mut self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(done) = self.running.next() => self.settle(done),
                next = self.source.next(), if self.has_room() => match next {
                    Some(delivery) => self.take(delivery),
                    None => self.begin_session(),
                },
            }
        }
        self.waiting -= self.key_queues.forget_waiting();
        let Dispatcher { ports, config, .. } = self.dispatcher;
        tokio::select! {
            biased;
            () = self.drain() => {}
            () = ports.clock.sleep(config.shutdown_grace) => {
                tracing::warn!(held = self.running.len(), "Grace period is over; what is held comes again");
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(done) = self.running.next().await {
            self.settle(done);
        }
    }

    fn has_room(&self) -> bool {
        let held = self.running.len() + self.waiting;
        matches!(self.alone, Alone::No) && held < self.dispatcher.config.max_in_flight
    }

    fn take(&mut self, delivery: Delivery) {
        self.acks.came(delivery.tag);
        if delivery.delivery_count > 0 {
            metrics::redelivered();
        }
        if delivery.reference.is_none() {
            metrics::unreferenced();
        }
        if delivery.delivery_count >= SUSPICIOUS {
            self.alone = Alone::Next(delivery);
            return self.begin_alone();
        }
        let read = read_guarded(&delivery, &self.dispatcher.config.realms);
        let key = read.as_ref().ok().map(key);
        let held = PendingDelivery { session: self.session, delivery, read };
        let Some(key) = key else {
            return self.begin(held, None);
        };
        match self.key_queues.enter(&key, held) {
            Some(held) => self.begin(held, Some(key)),
            None => self.waiting += 1,
        }
        metrics::held(self.running.len() + self.waiting);
    }

    fn begin(&mut self, held: PendingDelivery, key: Option<Key>) {
        let dispatcher = self.dispatcher;
        let PendingDelivery { session, delivery, read } = held;
        let turn = async move {
            apply(dispatcher, &delivery, read).await;
            Done { session, tag: delivery.tag, key }
        };
        self.running.push(turn.boxed());
    }

    fn begin_alone(&mut self) {
        if !self.running.is_empty() {
            return;
        }
        match std::mem::replace(&mut self.alone, Alone::UnderWay) {
            Alone::Next(delivery) => {
                let (dispatcher, session) = (self.dispatcher, self.session);
                let turn = async move {
                    let outcome = apply_alone(dispatcher, &delivery).await;
                    tracing::info!(
                        delivery_count = delivery.delivery_count,
                        ?outcome,
                        "Handled an event alone that was delivered several times"
                    );
                    Done { session, tag: delivery.tag, key: None }
                };
                self.running.push(turn.boxed());
            }
            Alone::No | Alone::UnderWay => self.alone = Alone::No,
        }
    }

    /// One item is done; others that are ready go with it, so that one acknowledgement covers them.
    fn settle(&mut self, done: Done) {
        let mut through = None;
        let mut next = Some(done);
        while let Some(Done { session, tag, key }) = next {
            if session == self.session {
                through = self.acks.settle(tag).or(through);
            }
            if let Some(key) = key
                && let Some(held) = self.key_queues.leave(&key)
            {
                self.waiting -= 1;
                self.begin(held, Some(key));
            }
            next = self.running.next().now_or_never().flatten();
        }
        if let Some(tag) = through {
            self.source.ack_through(tag);
        }
        self.begin_alone();
        metrics::held(self.running.len() + self.waiting);
    }

    /// Everything unacknowledged comes again. What is under way goes on and keeps its key, so that its next copy
    /// waits behind it; who had not begun is left to its copy.
    fn begin_session(&mut self) {
        metrics::consumer_ended();
        tracing::info!(held = self.running.len() + self.waiting, "The consumer ended; opening the next one");
        self.session += 1;
        self.acks = Acks::default();
        self.waiting -= self.key_queues.forget_waiting();
        if let Alone::Next(_) = self.alone {
            self.alone = Alone::No;
        }
    }
}

#[cfg(test)]
mod tests;
