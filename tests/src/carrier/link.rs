//! A publisher that does not give up: what it is handed is repeated, the same bytes, until the broker confirms it.
//!
//! One task owns connection and channel. A nack, a broken connection or a confirm that does not come within its time
//! are all *unknown*: the message goes out again. So a copy may come twice, as with any honest publisher.

use super::event::Outgoing;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

pub const EVENTS: &str = "signalbox.events";
const WINDOW: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// A handle to the publishing task; clones share it. The task ends with the last handle.
#[derive(Clone)]
pub struct Link {
    jobs: mpsc::UnboundedSender<Job>,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub struct Counts {
    pub confirmed: AtomicU64,
    pub nacked: AtomicU64,
    pub unknown: AtomicU64,
}

struct Job {
    message: Outgoing,
    done: oneshot::Sender<()>,
}

/// What became of one attempt, or that the pause after a nack is over.
enum CommitOutcome {
    Confirmed,
    Nacked,
    Unknown,
    Rested,
}

type Pending = FuturesUnordered<Pin<Box<dyn Future<Output = (Job, CommitOutcome)> + Send>>>;

impl Link {
    pub fn open(amqp_url: &str) -> Link {
        let (jobs, queue) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        tokio::spawn(keep_publishing(amqp_url.to_owned(), queue, counts.clone()));
        Link { jobs, counts }
    }

    /// Returns once the broker has confirmed the message.
    pub async fn publish(&self, message: Outgoing) {
        let (done, confirmed) = oneshot::channel();
        if self.jobs.send(Job { message, done }).is_ok() {
            let _ = confirmed.await;
        }
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

async fn keep_publishing(url: String, mut queue: mpsc::UnboundedReceiver<Job>, counts: Arc<Counts>) {
    let mut again = VecDeque::new();
    loop {
        if let Ok(connection) = connect(&url).await
            && let Some(channel) = confirming_channel(&connection).await
        {
            let ended = publish_over(&channel, &mut queue, &mut again, &counts).await;
            let _ = tokio::time::timeout(Duration::from_secs(2), connection.close(200, "bye".into())).await;
            if ended {
                return;
            }
        }
        if queue.is_closed() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A connection without recovery of its own.
///
/// # Errors
/// What lapin says, or that it took too long.
pub async fn connect(url: &str) -> anyhow::Result<Connection> {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    Ok(tokio::time::timeout(Duration::from_secs(10), connecting).await??)
}

async fn confirming_channel(connection: &Connection) -> Option<Channel> {
    let channel = connection.create_channel().await.ok()?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.ok()?;
    Some(channel)
}

/// Publishes until the connection fails (false; what was under way is in `again`) or nobody is left to publish (true).
async fn publish_over(
    channel: &Channel,
    queue: &mut mpsc::UnboundedReceiver<Job>,
    again: &mut VecDeque<Job>,
    counts: &Counts,
) -> bool {
    let mut pending: Pending = FuturesUnordered::new();
    loop {
        let job = match again.pop_front() {
            Some(job) => Some(job),
            None => tokio::select! {
                biased;
                Some((job, outcome)) = pending.next(), if !pending.is_empty() => {
                    if !settle(job, outcome, again, &pending, counts) {
                        break;
                    }
                    None
                }
                job = queue.recv(), if pending.len() < WINDOW => match job {
                    Some(job) => Some(job),
                    None => return true,
                },
            },
        };
        if let Some(job) = job
            && let Err(job) = send(channel, job, &mut pending).await
        {
            again.push_front(job);
            break;
        }
    }
    while let Some((job, outcome)) = pending.next().await {
        match outcome {
            CommitOutcome::Confirmed => drop(settle(job, outcome, again, &pending, counts)),
            CommitOutcome::Rested => again.push_back(job),
            CommitOutcome::Nacked | CommitOutcome::Unknown => {
                counts.unknown.fetch_add(1, Ordering::Relaxed);
                again.push_back(job);
            }
        }
    }
    false
}

/// Hands the message to the channel; its confirm joins `pending`.
async fn send(channel: &Channel, job: Job, pending: &mut Pending) -> Result<(), Job> {
    let m = &job.message;
    let mut headers = FieldTable::default();
    headers.insert("reference".into(), AMQPValue::LongString(m.reference.clone().into()));
    let properties = BasicProperties::default()
        .with_message_id(m.message_id.clone().into())
        .with_content_type("application/cloudevents+json".into())
        .with_headers(headers)
        .with_delivery_mode(2);
    let options = BasicPublishOptions::default();
    let sent =
        channel.basic_publish(EVENTS.into(), m.routing_key.clone().into(), options, &m.body, properties);
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(confirm)) => {
            pending.push(Box::pin(async move {
                let outcome = match tokio::time::timeout(PATIENCE, confirm).await {
                    Ok(Ok(Confirmation::Ack(_))) => CommitOutcome::Confirmed,
                    Ok(Ok(_)) => CommitOutcome::Nacked,
                    _ => CommitOutcome::Unknown,
                };
                (job, outcome)
            }));
            Ok(())
        }
        _ => Err(job),
    }
}

/// False when the connection is not to be trusted any more.
fn settle(
    job: Job,
    outcome: CommitOutcome,
    again: &mut VecDeque<Job>,
    pending: &Pending,
    counts: &Counts,
) -> bool {
    match outcome {
        CommitOutcome::Confirmed => {
            counts.confirmed.fetch_add(1, Ordering::Relaxed);
            let _ = job.done.send(());
        }
        CommitOutcome::Nacked => {
            counts.nacked.fetch_add(1, Ordering::Relaxed);
            pending.push(Box::pin(async move {
                tokio::time::sleep(PAUSE).await;
                (job, CommitOutcome::Rested)
            }));
        }
        CommitOutcome::Rested => again.push_back(job),
        CommitOutcome::Unknown => {
            counts.unknown.fetch_add(1, Ordering::Relaxed);
            again.push_back(job);
            return false;
        }
    }
    true
}
