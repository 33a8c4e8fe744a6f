//! A publisher with confirms. One task owns connection and channel, and reconnects after each break.
//!
//! A nack, a broken connection and a confirm that does not come in time all leave the outcome *unknown*. [`Publish::Once`]
//! reports that to the caller; [`Publish::UntilConfirmed`] sends the same bytes again, so that a copy may arrive twice.

use super::broker::{AmqpError, Broker, EVENTS, Reconnect, close};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, PublisherConfirm};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

/// Messages whose confirm is outstanding.
const WINDOW: usize = 1_000;
const PAUSE_AFTER_NACK: Duration = Duration::from_millis(100);
const PERSISTENT: u8 = 2;

/// One message for the exchange of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Type of the event.
    pub routing_key: String,
    pub message_id: String,
    /// Header `reference`: the subject.
    pub reference: String,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publish {
    Once,
    UntilConfirmed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    #[error("the event queue is full (amqp.events_max_bytes)")]
    Nacked,
    #[error("the broker did not confirm the event; the outcome is unknown")]
    Unknown,
}

/// A handle to the publishing task; clones share it. The task ends with the last handle.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::UnboundedSender<Job>,
    counts: Arc<Counts>,
    patience: Duration,
}

#[derive(Default)]
pub struct Counts {
    pub confirmed: AtomicU64,
    pub nacked: AtomicU64,
    pub unknown: AtomicU64,
}

struct Job {
    message: Message,
    publish: Publish,
    done: oneshot::Sender<Result<(), PublishError>>,
}

/// Result of one attempt, or the end of the pause after a nack.
enum Attempt {
    Confirmed,
    Nacked,
    Unknown,
    PauseOver,
}

type Pending = FuturesUnordered<Pin<Box<dyn Future<Output = (Job, Attempt)> + Send>>>;

impl Publisher {
    /// Connects in the background. `patience` limits the time for one confirm.
    pub fn open(broker: Broker, patience: Duration) -> Publisher {
        let (jobs, queue) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        tokio::spawn(run(broker, queue, counts.clone(), patience));
        Publisher { jobs, counts, patience }
    }

    /// Returns after the broker has confirmed the message.
    ///
    /// # Errors
    /// With [`Publish::Once`]: the broker refused the message, or did not confirm it in time.
    pub async fn publish(&self, message: Message, publish: Publish) -> Result<(), PublishError> {
        let (done, confirmed) = oneshot::channel();
        self.jobs.send(Job { message, publish, done }).map_err(|_| PublishError::Unknown)?;
        let confirmed = async { confirmed.await.unwrap_or(Err(PublishError::Unknown)) };
        match publish {
            Publish::UntilConfirmed => confirmed.await,
            Publish::Once => {
                tokio::time::timeout(self.patience, confirmed).await.unwrap_or(Err(PublishError::Unknown))
            }
        }
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

async fn run(
    broker: Broker,
    mut queue: mpsc::UnboundedReceiver<Job>,
    counts: Arc<Counts>,
    patience: Duration,
) {
    let (mut again, mut reconnect) = (VecDeque::new(), Reconnect::default());
    loop {
        if let Ok(connection) = broker.connect().await {
            reconnect.opened();
            if let Some(channel) = confirming_channel(&connection).await {
                let mut session = Session {
                    channel,
                    pending: FuturesUnordered::new(),
                    again: &mut again,
                    counts: &counts,
                    patience,
                };
                if session.publish_from(&mut queue).await {
                    close(connection).await;
                    return;
                }
            }
            close(connection).await;
        }
        if queue.is_closed() {
            return;
        }
        tokio::time::sleep(reconnect.pause()).await;
    }
}

/// Sends the message; the returned future waits for its confirm.
async fn send(channel: &Channel, message: &Message) -> lapin::Result<PublisherConfirm> {
    let mut headers = FieldTable::default();
    headers.insert("reference".into(), AMQPValue::LongString(message.reference.as_str().into()));
    let properties = BasicProperties::default()
        .with_message_id(message.message_id.as_str().into())
        .with_content_type("application/cloudevents+json".into())
        .with_headers(headers)
        .with_delivery_mode(PERSISTENT);
    let (options, key) = (BasicPublishOptions::default(), message.routing_key.as_str());
    channel.basic_publish(EVENTS.into(), key.into(), options, &message.body, properties).await
}

/// A publisher for measurements: it shares one channel without a task of its own, and ends with its connection.
#[derive(Clone)]
pub struct DirectPublisher {
    channel: Channel,
    _connection: Arc<Connection>,
}

impl DirectPublisher {
    /// # Errors
    /// The broker cannot be reached or refuses.
    pub async fn open(broker: &Broker) -> Result<DirectPublisher, AmqpError> {
        let connection = broker.connect().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(DirectPublisher { channel, _connection: Arc::new(connection) })
    }

    /// Returns after the broker has confirmed the message.
    ///
    /// # Errors
    /// The broker refused the message, or the connection broke.
    pub async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let confirm = send(&self.channel, message).await.map_err(|_| PublishError::Unknown)?;
        match confirm.await {
            Ok(Confirmation::Ack(_)) => Ok(()),
            Ok(_) => Err(PublishError::Nacked),
            Err(_) => Err(PublishError::Unknown),
        }
    }
}

async fn confirming_channel(connection: &Connection) -> Option<Channel> {
    let channel = connection.create_channel().await.ok()?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.ok()?;
    Some(channel)
}

/// One channel and the messages whose confirm is outstanding.
struct Session<'a> {
    channel: Channel,
    pending: Pending,
    /// Messages to publish again, oldest first.
    again: &'a mut VecDeque<Job>,
    counts: &'a Counts,
    patience: Duration,
}

impl Session<'_> {
    /// Publishes until the connection fails (false) or the last handle is dropped (true).
    async fn publish_from(&mut self, queue: &mut mpsc::UnboundedReceiver<Job>) -> bool {
        loop {
            let job = match self.again.pop_front() {
                Some(job) => job,
                None => tokio::select! {
                    biased;
                    Some((job, attempt)) = self.pending.next(), if !self.pending.is_empty() => {
                        if !self.settle(job, attempt) {
                            break;
                        }
                        continue;
                    }
                    job = queue.recv(), if self.pending.len() < WINDOW => match job {
                        Some(job) => job,
                        None => return true,
                    },
                },
            };
            // The caller of a message that is published once may have given up.
            if job.publish == Publish::Once && job.done.is_closed() {
                continue;
            }
            if let Err(job) = self.send(job).await {
                self.again.push_front(job);
                break;
            }
        }
        while let Some((job, attempt)) = self.pending.next().await {
            let attempt = if matches!(attempt, Attempt::Nacked) { Attempt::Unknown } else { attempt };
            self.settle(job, attempt);
        }
        false
    }

    /// Hands the message to the channel; its confirm joins `pending`.
    async fn send(&mut self, job: Job) -> Result<(), Job> {
        let sent = send(&self.channel, &job.message);
        let patience = self.patience;
        let Ok(Ok(confirm)) = tokio::time::timeout(patience, sent).await else { return Err(job) };
        self.pending.push(Box::pin(async move {
            let attempt = match tokio::time::timeout(patience, confirm).await {
                Ok(Ok(Confirmation::Ack(_))) => Attempt::Confirmed,
                Ok(Ok(_)) => Attempt::Nacked,
                _ => Attempt::Unknown,
            };
            (job, attempt)
        }));
        Ok(())
    }

    /// False when the connection can no longer be trusted.
    fn settle(&mut self, job: Job, attempt: Attempt) -> bool {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        match attempt {
            Attempt::Confirmed => {
                count(&self.counts.confirmed);
                let _ = job.done.send(Ok(()));
            }
            Attempt::Nacked => {
                count(&self.counts.nacked);
                if job.publish == Publish::Once {
                    let _ = job.done.send(Err(PublishError::Nacked));
                } else {
                    self.pending.push(Box::pin(async move {
                        tokio::time::sleep(PAUSE_AFTER_NACK).await;
                        (job, Attempt::PauseOver)
                    }));
                }
            }
            Attempt::PauseOver => self.again.push_back(job),
            Attempt::Unknown => {
                count(&self.counts.unknown);
                if job.publish == Publish::Once {
                    let _ = job.done.send(Err(PublishError::Unknown));
                } else {
                    self.again.push_back(job);
                }
                return false;
            }
        }
        true
    }
}
