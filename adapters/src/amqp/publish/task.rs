//! The publishing task: it opens connections and sends messages in order.
//!
//! A broker also confirms a message that reached no queue. Commands are therefore published as `mandatory`: one that reaches
//! neither a gateway's queue nor `signalbox.unrouted` is returned before it is confirmed. lapin hands it to the confirm that
//! resolves next, which may be another message's. So the connection ends then: everything unconfirmed is repeated.

use super::pending::{Batch, Entry, Pending};
use crate::amqp::connection::{self, Backoff, Health};
use crate::amqp::settings::Settings;
use crate::amqp::topology::{self, COMMANDS, UNROUTED};
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

/// Maximum unconfirmed messages on the channel.
const WINDOW: usize = 1_000;
/// Maximum batches taken from the inbox at once.
const BATCHES: usize = 256;
/// Time without `mandatory` after `signalbox.unrouted` could not be declared: a command that nobody consumes must not end
/// the connection for all others again and again.
const LENIENT: Duration = Duration::from_secs(60);

pub(super) struct Task {
    settings: Arc<Settings>,
    health: Arc<Health>,
    closing: CancellationToken,
    inbox: mpsc::UnboundedReceiver<Batch>,
    arrived: Vec<Batch>,
    /// Messages not sent yet, ordered by deadline because all have the same time limit.
    waiting: VecDeque<Entry>,
    /// Interval between checks of deadlines.
    tick: Interval,
    /// Until when commands that reach no queue are given up.
    lenient_until: Option<Instant>,
}

/// A connection with its channel and events.
struct PublishConnection {
    connection: Connection,
    channel: Arc<Channel>,
    events: BoxStream<'static, Event>,
}

/// Reason why a connection ends.
enum End {
    Failed(String),
    /// A command reached no queue.
    Returned,
}

type PendingConfirm = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

impl Task {
    pub fn new(
        settings: Arc<Settings>,
        health: Arc<Health>,
        closing: CancellationToken,
        inbox: mpsc::UnboundedReceiver<Batch>,
    ) -> Task {
        let period =
            (settings.confirm_timeout / 20).clamp(Duration::from_millis(5), Duration::from_millis(500));
        let mut tick = tokio::time::interval(period);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (arrived, waiting) = (Vec::new(), VecDeque::new());
        Task { settings, health, closing, inbox, arrived, waiting, tick, lenient_until: None }
    }

    pub async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut number = 0_u64;
        while let Some(opened) = self.open(&mut backoff).await {
            number += 1;
            self.health.set_publishing(true);
            tracing::info!(
                generation = number,
                "connected to RabbitMQ at {} for publishing",
                self.endpoint()
            );
            let started = Instant::now();
            let reason = self.serve(opened).await;
            self.health.set_publishing(false);
            self.health.set_blocked(false);
            self.fail_waiting(&reason);
            if !self.closing.is_cancelled() {
                tracing::warn!(
                    generation = number,
                    "the publishing connection to RabbitMQ at {} ended: {reason}",
                    self.endpoint()
                );
            }
            // Keep the backoff after a connection that lasted only for a moment, to avoid a tight loop.
            if started.elapsed() > Duration::from_secs(10) {
                backoff.reset();
            }
            let pause = backoff.next();
            if self.accept_while(tokio::time::sleep(pause)).await.is_none() {
                break;
            }
        }
        self.inbox.close();
        self.fail_waiting("the bus was closed");
    }

    fn endpoint(&self) -> String {
        connection::endpoint(&self.settings.url)
    }

    /// Retries until a connection is open. `None` if the bus closes.
    async fn open(&mut self, backoff: &mut Backoff) -> Option<PublishConnection> {
        loop {
            let settings = self.settings.clone();
            match self.accept_while(open_connection(&settings)).await? {
                Ok(opened) => return Some(opened),
                Err(e) => {
                    let pause = backoff.next();
                    tracing::warn!(
                        "opening the publishing connection: {e}; trying again in {} ms",
                        pause.as_millis()
                    );
                    self.accept_while(tokio::time::sleep(pause)).await?;
                }
            }
        }
    }

    /// Runs `work` while messages arrive and expire. `None` if the bus closes.
    async fn accept_while<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                done = &mut work => return Some(done),
                taken = self.inbox.recv_many(&mut self.arrived, BATCHES) => match taken {
                    0 => return None,
                    _ => self.waiting.extend(self.arrived.drain(..).flatten()),
                },
                _ = self.tick.tick() => self.expire_waiting("no connection to the broker"),
            }
        }
    }

    /// Publishes until the connection ends, and returns the reason.
    async fn serve(&mut self, opened: PublishConnection) -> String {
        let PublishConnection { connection, channel, mut events } = opened;
        let mut open: BTreeMap<u64, Pending> = BTreeMap::new();
        let mut in_flight: FuturesUnordered<PendingConfirm> = FuturesUnordered::new();
        let mut sequence = 0_u64;
        let (mut blocked, mut late, mut accepting) = (false, false, true);

        let end = loop {
            while !blocked && open.len() < WINDOW {
                let Some(entry) = self.waiting.pop_front() else { break };
                sequence += 1;
                let mut confirm = publish(sequence, channel.clone(), entry.publication, self.is_strict());
                open.insert(sequence, entry.pending);
                // The first poll queues the message on the channel, before the next message is published.
                match (&mut confirm).now_or_never() {
                    Some((_, outcome)) => in_flight.push(Box::pin(std::future::ready((sequence, outcome)))),
                    None => in_flight.push(confirm),
                }
            }
            if !accepting && open.is_empty() && self.waiting.is_empty() {
                break End::Failed("the bus was closed".into());
            }
            tokio::select! {
                biased;
                () = self.closing.cancelled(), if accepting => {
                    accepting = false;
                    self.inbox.close();
                    self.drain_inbox();
                }
                Some((number, outcome)) = in_flight.next(), if !in_flight.is_empty() => {
                    if let Some(end) = settle(open.remove(&number), outcome) {
                        break end;
                    }
                }
                event = events.next() => match event {
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!("RabbitMQ at {} blocks publishers: {reason}", self.endpoint());
                        self.health.set_blocked(true);
                        blocked = true;
                    }
                    Some(Event::ConnectionUnblocked) => {
                        self.health.set_blocked(false);
                        blocked = false;
                        if late {
                            break End::Failed("messages expired while the broker blocked publishers".into());
                        }
                    }
                    Some(Event::Error(e)) => break End::Failed(e.to_string()),
                    Some(_) => {}
                    None => break End::Failed("the connection was lost".into()),
                },
                taken = self.inbox.recv_many(&mut self.arrived, BATCHES), if accepting => match taken {
                    0 => accepting = false,
                    _ => self.waiting.extend(self.arrived.drain(..).flatten()),
                },
                _ = self.tick.tick() => {
                    let cause = if blocked { "the broker blocks publishers" } else { "the broker is too slow" };
                    self.expire_waiting(cause);
                    late |= open.first_key_value().is_some_and(|(_, first)| first.deadline <= Instant::now());
                    if late && blocked {
                        // A new connection would be blocked too: keep this one until the broker unblocks it.
                        std::mem::take(&mut open).into_values().for_each(|p| p.fail(cause));
                        in_flight.clear();
                    } else if late {
                        let limit = self.settings.confirm_timeout.as_millis();
                        break End::Failed(format!("no confirm within {limit} ms"));
                    } else if !channel.status().connected() {
                        break End::Failed("the channel was closed".into());
                    }
                }
            }
        };

        let reason = match end {
            End::Failed(reason) => reason,
            End::Returned => {
                self.restore_unrouted(&connection).await;
                format!("a command reached no queue, because {UNROUTED} did not exist")
            }
        };
        open.into_values().for_each(|pending| pending.fail(&reason));
        drop((in_flight, channel));
        let closed = connection::close(connection);
        if self.closing.is_cancelled() {
            closed.await;
        } else {
            tokio::spawn(closed);
        }
        reason
    }

    /// Whether the broker is to return commands that reach no queue.
    fn is_strict(&self) -> bool {
        self.lenient_until.is_none_or(|until| until <= Instant::now())
    }

    async fn restore_unrouted(&mut self, connection: &Connection) {
        let restored = topology::restore(connection, &self.settings, UNROUTED);
        let restored = tokio::time::timeout(self.settings.confirm_timeout, restored).await;
        match restored.unwrap_or_else(|_| Err("no answer within the confirm timeout".into())) {
            Ok(()) => tracing::error!(
                "queue {UNROUTED} did not exist and was declared again; what it contained is lost"
            ),
            Err(reason) => {
                self.lenient_until = Some(Instant::now() + LENIENT);
                tracing::error!(
                    "queue {UNROUTED} does not exist and cannot be declared again: {reason}; commands that no gateway consumes are lost until `signalbox migrate` declares it"
                );
            }
        }
    }

    fn expire_waiting(&mut self, reason: &str) {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|entry| entry.pending.deadline <= now) {
            if let Some(entry) = self.waiting.pop_front() {
                entry.pending.fail(&format!("{reason}; the message was not sent"));
            }
        }
    }

    fn fail_waiting(&mut self, reason: &str) {
        self.drain_inbox();
        for entry in self.waiting.drain(..) {
            entry.pending.fail(reason);
        }
    }

    fn drain_inbox(&mut self) {
        while let Ok(batch) = self.inbox.try_recv() {
            self.waiting.extend(batch);
        }
    }
}

async fn open_connection(settings: &Settings) -> Result<PublishConnection, String> {
    let connection = connection::open_for(settings, "publish").await.map_err(|e| e.to_string())?;
    let events = connection.events_listener().boxed();
    let prepared = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok::<_, lapin::Error>(channel)
    };
    let channel = match tokio::time::timeout(settings.confirm_timeout, prepared).await {
        Ok(channel) => channel.map_err(|e| e.to_string())?,
        Err(_) => return Err("opening a channel: no answer within the confirm timeout".into()),
    };
    Ok(PublishConnection { connection, channel: Arc::new(channel), events })
}

fn publish(number: u64, channel: Arc<Channel>, publication: Publication, is_strict: bool) -> PendingConfirm {
    Box::pin(async move {
        let Publication { exchange, routing_key, properties, body } = publication;
        let mandatory = is_strict && exchange.as_str() == COMMANDS;
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let outcome = match channel.basic_publish(exchange, routing_key, options, &body, properties).await {
            Ok(confirm) => confirm.await,
            Err(e) => Err(e),
        };
        (number, outcome)
    })
}

/// Settles one message. Returns a reason if it ends the connection.
fn settle(pending: Option<Pending>, outcome: lapin::Result<Confirmation>) -> Option<End> {
    let pending = pending?;
    match outcome {
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
            pending.fail("a command reached no queue");
            return Some(End::Returned);
        }
        Ok(Confirmation::Ack(_)) => pending.settle(Ok(())),
        Ok(Confirmation::Nack(_)) => {
            let to = pending.to.clone();
            pending.settle(Err(BusError::Nacked { to }));
        }
        Ok(Confirmation::NotRequested) => pending.fail("the channel does not send publisher confirms"),
        Err(e) => {
            let reason = e.to_string();
            pending.fail(&reason);
            return Some(End::Failed(reason));
        }
    }
    None
}
