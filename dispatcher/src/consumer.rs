//! The consumer loop of a dispatcher: takes deliveries, runs at most one event per queue key, acknowledges settled deliveries.

use crate::acks::Acks;
use crate::apply::{apply, apply_alone};
use crate::dispatcher::Dispatcher;
use crate::key_queues::{Key, KeyQueues};
use crate::metrics;
use crate::read::{key, read};
use crate::source::Source;
use common::address::ParsedEvent;
use common::ports::bus::Delivery;
use common::refusal::Refusal;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

/// Number of unacknowledged deliveries after which an event is a suspect and handled alone.
const SUSPECT_DELIVERY_COUNT: u64 = 3;

pub struct Consumer<'a> {
    dispatcher: &'a Dispatcher,
    source: Source<'a>,
    /// Number of the consumer session. Tags are unique only within one session.
    session: u64,
    acks: Acks,
    key_queues: KeyQueues<PendingDelivery>,
    running: FuturesUnordered<BoxFuture<'a, Settled>>,
    /// Number of deliveries in `key_queues`.
    waiting: usize,
    suspect: SuspectSlot,
}

struct PendingDelivery {
    session: u64,
    delivery: Delivery,
    read: Result<ParsedEvent, Refusal>,
}

/// A delivery whose handling has ended.
struct Settled {
    session: u64,
    tag: u64,
    key: Option<Key>,
}

/// A suspect waits until no other event is running, and no delivery is taken until it is settled.
enum SuspectSlot {
    Empty,
    Waiting(Delivery),
    Running,
}

impl<'a> Consumer<'a> {
    pub fn new(dispatcher: &'a Dispatcher) -> Consumer<'a> {
        Consumer {
            dispatcher,
            source: Source::new(dispatcher.ports.bus.clone(), &dispatcher.consuming),
            session: 0,
            acks: Acks::default(),
            key_queues: KeyQueues::default(),
            running: FuturesUnordered::new(),
            waiting: 0,
            suspect: SuspectSlot::Empty,
        }
    }

    /// Takes events until `shutdown`, then finishes the running ones within the grace period.
    pub async fn serve(&mut self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(settled) = self.running.next() => self.settle(settled),
                next = self.source.next(), if self.has_room() => match next {
                    Some(delivery) => self.take(delivery),
                    None => self.begin_session(),
                },
            }
        }
        self.waiting -= self.key_queues.remove_waiting();
        let Dispatcher { ports, config, .. } = self.dispatcher;
        tokio::select! {
            biased;
            () = self.drain() => {}
            () = ports.clock.sleep(config.shutdown_grace) => {
                let in_flight = self.running.len();
                tracing::warn!(in_flight, "Shutdown grace period expired; unacknowledged events will be redelivered");
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(settled) = self.running.next().await {
            self.settle(settled);
        }
    }

    fn in_flight(&self) -> usize {
        self.running.len() + self.waiting
    }

    fn has_room(&self) -> bool {
        let max = self.dispatcher.config.max_in_flight;
        matches!(self.suspect, SuspectSlot::Empty) && self.in_flight() < max
    }

    fn take(&mut self, delivery: Delivery) {
        self.acks.received(delivery.tag);
        if delivery.delivery_count > 0 {
            metrics::redelivered();
        }
        if delivery.reference.is_none() {
            metrics::unreferenced();
        }
        if delivery.delivery_count >= SUSPECT_DELIVERY_COUNT {
            self.suspect = SuspectSlot::Waiting(delivery);
            return self.begin_suspect();
        }
        let read = read(&delivery, &self.dispatcher.config.realms);
        let key = read.as_ref().ok().map(key);
        let pending = PendingDelivery { session: self.session, delivery, read };
        let Some(key) = key else {
            return self.begin(pending, None);
        };
        match self.key_queues.enter(&key, pending) {
            Some(pending) => self.begin(pending, Some(key)),
            None => self.waiting += 1,
        }
        metrics::in_flight(self.in_flight());
    }

    fn begin(&mut self, pending: PendingDelivery, key: Option<Key>) {
        let dispatcher = self.dispatcher;
        let PendingDelivery { session, delivery, read } = pending;
        let handling = async move {
            apply(dispatcher, &delivery, read).await;
            Settled { session, tag: delivery.tag, key }
        };
        self.running.push(handling.boxed());
    }

    /// Starts the waiting suspect when nothing is running, and empties the slot when its suspect is settled.
    fn begin_suspect(&mut self) {
        if !self.running.is_empty() {
            return;
        }
        match std::mem::replace(&mut self.suspect, SuspectSlot::Running) {
            SuspectSlot::Waiting(delivery) => {
                let (dispatcher, session) = (self.dispatcher, self.session);
                let handling = async move {
                    let outcome = apply_alone(dispatcher, &delivery).await;
                    let delivery_count = delivery.delivery_count;
                    tracing::info!(delivery_count, ?outcome, "Redelivered event handled alone");
                    Settled { session, tag: delivery.tag, key: None }
                };
                self.running.push(handling.boxed());
            }
            SuspectSlot::Empty | SuspectSlot::Running => self.suspect = SuspectSlot::Empty,
        }
    }

    /// Settles one delivery, and all others that have ended by now, so that one acknowledgement covers them.
    fn settle(&mut self, settled: Settled) {
        let mut through = None;
        let mut next = Some(settled);
        while let Some(Settled { session, tag, key }) = next {
            if session == self.session {
                through = self.acks.settle(tag).or(through);
            }
            if let Some(key) = key
                && let Some(pending) = self.key_queues.leave(&key)
            {
                self.waiting -= 1;
                self.begin(pending, Some(key));
            }
            next = self.running.next().now_or_never().flatten();
        }
        if let Some(tag) = through {
            self.source.ack_through(tag);
        }
        self.begin_suspect();
        metrics::in_flight(self.in_flight());
    }

    /// Everything unacknowledged is redelivered in the new session. Running events continue and keep their key, so that
    /// their redelivery waits behind them. Waiting events are removed: their redelivery replaces them.
    fn begin_session(&mut self) {
        metrics::consumer_ended();
        let in_flight = self.in_flight();
        tracing::info!(in_flight, "Consumer session ended; opening the next one");
        self.session += 1;
        self.acks = Acks::default();
        self.waiting -= self.key_queues.remove_waiting();
        if let SuspectSlot::Waiting(_) = self.suspect {
            self.suspect = SuspectSlot::Empty;
        }
    }
}

#[cfg(test)]
mod tests;
