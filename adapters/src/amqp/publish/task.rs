//! The task behind a publisher: its connection's life, and the order of the wire.

use super::{Entry, Pending};
use crate::amqp::Settings;
use crate::amqp::connection::{self, Backoff, Health};
use crate::amqp::wire::Publication;
use common::ports::error::BusError;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, Event};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// Confirms that may be open on the channel.
const WINDOW: usize = 1_000;
const BATCH: usize = 256;

pub(super) struct Task {
    settings: Arc<Settings>,
    health: Arc<Health>,
    closing: CancellationToken,
    inbox: mpsc::UnboundedReceiver<Entry>,
    arrived: Vec<Entry>,
    /// Accepted, not sent. Senders call in the order of time, so deadlines ascend.
    waiting: VecDeque<Entry>,
    /// How often deadlines are looked at.
    tick: Interval,
}

/// What one generation consists of.
struct Generation {
    connection: Connection,
    channel: Arc<Channel>,
    events: BoxStream<'static, Event>,
}

type Flight = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

impl Task {
    pub fn new(
        settings: Arc<Settings>,
        health: Arc<Health>,
        closing: CancellationToken,
        inbox: mpsc::UnboundedReceiver<Entry>,
    ) -> Task {
        let period =
            (settings.confirm_timeout / 20).clamp(Duration::from_millis(5), Duration::from_millis(500));
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Task { settings, health, closing, inbox, arrived: Vec::new(), waiting: VecDeque::new(), tick }
    }

    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut number = 0_u64;
        while let Some(generation) = self.open(&mut backoff).await {
            number += 1;
            self.health.set_publishing(true);
            tracing::info!(generation = number, "publishing to RabbitMQ at {}", self.endpoint());
            let started = Instant::now();
            let reason = self.serve(generation).await;
            self.health.set_publishing(false);
            self.health.set_blocked(false);
            self.give_up_waiting(&reason);
            if !self.closing.is_cancelled() {
                tracing::warn!(
                    generation = number,
                    "publishing to RabbitMQ at {}: {reason}",
                    self.endpoint()
                );
            }
            // One that works for a moment only must not be opened in a tight loop.
            if started.elapsed() > Duration::from_secs(10) {
                backoff.reset();
            }
            let pause = backoff.next();
            if self.meanwhile(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        self.inbox.close();
        self.give_up_waiting("the bus was closed");
    }

    fn endpoint(&self) -> String {
        connection::endpoint(&self.settings.url)
    }

    /// Tries until there is a connection. `None`: the bus closes.
    async fn open(&mut self, backoff: &mut Backoff) -> Option<Generation> {
        loop {
            let settings = self.settings.clone();
            match self.meanwhile(open_generation(&settings)).await? {
                Ok(generation) => return Some(generation),
                Err(e) => {
                    let pause = backoff.next();
                    tracing::warn!("publishing: {e}; trying again in {} ms", pause.as_millis());
                    self.meanwhile(tokio::time::sleep(pause)).await?;
                }
            }
        }
    }

    /// Does `work` while messages arrive and expire. `None`: the bus closes.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                done = &mut work => return Some(done),
                taken = self.inbox.recv_many(&mut self.arrived, BATCH) => match taken {
                    0 => return None,
                    _ => self.waiting.extend(self.arrived.drain(..)),
                },
                _ = self.tick.tick() => self.expire_waiting("no connection to the broker"),
            }
        }
    }

    /// Publishes until this generation is over, and says why it is.
    async fn serve(&mut self, generation: Generation) -> String {
        let Generation { connection, channel, mut events } = generation;
        let mut open: BTreeMap<u64, Pending> = BTreeMap::new();
        let mut flights: FuturesUnordered<Flight> = FuturesUnordered::new();
        let mut sequence = 0_u64;
        let (mut blocked, mut late, mut accepting) = (false, false, true);

        let reason = loop {
            while !blocked && open.len() < WINDOW {
                let Some(entry) = self.waiting.pop_front() else { break };
                sequence += 1;
                let mut flight = fly(sequence, channel.clone(), entry.publication);
                open.insert(sequence, entry.pending);
                // Its first poll puts it on the channel's wire queue, before the next one is looked at.
                match (&mut flight).now_or_never() {
                    Some((_, outcome)) => flights.push(Box::pin(std::future::ready((sequence, outcome)))),
                    None => flights.push(flight),
                }
            }
            if !accepting && open.is_empty() && self.waiting.is_empty() {
                break "the bus was closed".into();
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled(), if accepting => {
                    accepting = false;
                    self.inbox.close();
                    self.take_arrived();
                }
                Some((number, outcome)) = flights.next(), if !flights.is_empty() => {
                    if let Some(error) = settle(open.remove(&number), outcome) {
                        break error;
                    }
                }
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(why)) => {
                        tracing::warn!("RabbitMQ at {} blocks publishers: {why}", self.endpoint());
                        self.health.set_blocked(true);
                        blocked = true;
                    }
                    Some(Event::ConnectionUnblocked) => {
                        self.health.set_blocked(false);
                        blocked = false;
                        if late {
                            break "messages expired while the broker blocked publishers".into();
                        }
                    }
                    Some(Event::Error(e)) => break e.to_string(),
                    Some(_) => {}
                    None => break "the connection is gone".into(),
                },
                taken = self.inbox.recv_many(&mut self.arrived, BATCH), if accepting => match taken {
                    0 => accepting = false,
                    _ => self.waiting.extend(self.arrived.drain(..)),
                },
                _ = self.tick.tick() => {
                    let cause = if blocked { "the broker blocks publishers" } else { "the broker does not keep up" };
                    self.expire_waiting(cause);
                    late |= open.first_key_value().is_some_and(|(_, first)| first.deadline <= Instant::now());
                    if late && blocked {
                        // A new connection would be blocked as well: keep this one until the broker has room again.
                        std::mem::take(&mut open).into_values().for_each(|p| p.give_up(cause));
                        flights.clear();
                    } else if late {
                        break format!("no confirm within {} ms", self.settings.confirm_timeout.as_millis());
                    } else if !channel.status().connected() {
                        break "the channel was closed".into();
                    }
                }
            }
        };

        open.into_values().for_each(|pending| pending.give_up(&reason));
        drop((flights, channel));
        let closed = connection::close(connection);
        if self.closing.is_cancelled() {
            closed.await;
        } else {
            tokio::spawn(closed);
        }
        reason
    }

    fn expire_waiting(&mut self, reason: &str) {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|entry| entry.pending.deadline <= now) {
            if let Some(entry) = self.waiting.pop_front() {
                entry.pending.give_up(&format!("{reason}; it was not sent"));
            }
        }
    }

    fn give_up_waiting(&mut self, reason: &str) {
        self.take_arrived();
        for entry in self.waiting.drain(..) {
            entry.pending.give_up(reason);
        }
    }

    fn take_arrived(&mut self) {
        while let Ok(entry) = self.inbox.try_recv() {
            self.waiting.push_back(entry);
        }
    }
}

async fn open_generation(settings: &Settings) -> Result<Generation, String> {
    let connection = connection::open_for(settings, "publish").await.map_err(|e| e.to_string())?;
    let events = connection.events_listener().boxed();
    let prepared = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok::<_, lapin::Error>(channel)
    };
    let channel = match tokio::time::timeout(settings.confirm_timeout, prepared).await {
        Ok(channel) => channel.map_err(|e| e.to_string())?,
        Err(_) => return Err("no answer to opening a channel".into()),
    };
    Ok(Generation { connection, channel: Arc::new(channel), events })
}

fn fly(number: u64, channel: Arc<Channel>, publication: Publication) -> Flight {
    Box::pin(async move {
        let Publication { exchange, routing_key, properties, body } = publication;
        let options = BasicPublishOptions::default();
        let outcome = match channel.basic_publish(exchange, routing_key, options, &body, properties).await {
            Ok(confirm) => confirm.await,
            Err(e) => Err(e),
        };
        (number, outcome)
    })
}

/// What ends the generation, if the outcome does.
fn settle(pending: Option<Pending>, outcome: lapin::Result<Confirmation>) -> Option<String> {
    let pending = pending?;
    match outcome {
        Ok(Confirmation::Ack(_)) => pending.settle(Ok(())),
        Ok(Confirmation::Nack(_)) => {
            let to = pending.to.clone();
            pending.settle(Err(BusError::Nacked { to }));
        }
        Ok(Confirmation::NotRequested) => pending.give_up("the channel gives no confirms"),
        Err(e) => {
            let reason = e.to_string();
            pending.give_up(&reason);
            return Some(reason);
        }
    }
    None
}
