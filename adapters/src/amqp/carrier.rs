//! The other side of the exchanges: events go out as a carrier publishes them, commands come in as a gateway reads them.
//! For simulated carriers; the engine itself uses [`super::Bus`].

use super::connection::{self, Backoff, Health};
use super::publish::Publisher;
use super::topology::{COMMANDS, EVENTS};
use super::wire::{self, Publication, REFERENCE};
use super::{ConnectError, Settings};
use common::ports::bus::Confirm;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A command queue that nobody reads any more is removed by the broker after ten minutes.
const EXPIRES_MS: i32 = 600_000;
/// Commands that were read and not yet taken.
const WINDOW: u16 = 500;

/// One event on its way.
pub struct Event<'a> {
    pub id: &'a str,
    /// Its type: the routing key.
    pub kind: &'a str,
    /// Header `reference`: the subject.
    pub reference: &'a str,
    pub body: &'a [u8],
}

#[derive(Debug, Error)]
pub enum GatewayError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("reading commands from queue {queue}: {reason}")]
    Refused { queue: String, reason: String },
}

pub struct Carrier {
    settings: Arc<Settings>,
    publisher: Publisher,
    queue: String,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Carrier {
    /// Binds `queue`, which is the carrier's own, to every command. Whatever breaks later is rebuilt in the background;
    /// commands that were not taken come again.
    ///
    /// # Errors
    /// The broker cannot be reached, or refuses the queue, now.
    pub async fn connect(
        settings: Settings,
        queue: &str,
    ) -> Result<(Carrier, mpsc::Receiver<Vec<u8>>), GatewayError> {
        let settings = Arc::new(settings);
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let first = Session::begin(&settings, queue).await?;
        let (publisher, publishing) =
            Publisher::new(settings.clone(), Arc::new(Health::default()), closing.clone());
        tasks.spawn(publishing);
        let (taken, commands) = mpsc::channel(usize::from(WINDOW));
        tasks.spawn(keep_reading(first, settings.clone(), queue.to_owned(), taken, closing.clone()));
        Ok((Carrier { settings, publisher, queue: queue.to_owned(), closing, tasks }, commands))
    }

    /// Takes its place in the order before it returns.
    pub fn publish(&self, event: &Event<'_>) -> Confirm {
        self.publisher.send(publication(event))
    }

    /// Settles what was published, and removes the queue.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Ok(connection) = connection::open_for(&self.settings, "commands").await {
            if let Ok(channel) = connection.create_channel().await {
                let _ = channel.queue_delete(self.queue.as_str().into(), QueueDeleteOptions::default()).await;
            }
            connection::close(connection).await;
        }
    }
}

fn publication(event: &Event<'_>) -> Result<Publication, String> {
    let mut headers = FieldTable::default();
    headers.insert(REFERENCE.into(), wire::original(event.reference));
    Ok(Publication {
        exchange: EVENTS.into(),
        routing_key: wire::short("routing key", event.kind)?,
        properties: wire::persistent(headers).with_message_id(wire::short("message_id", event.id)?),
        body: event.body.to_vec(),
    })
}

/// One connection with its consumer.
struct Session {
    connection: Connection,
    consumer: Consumer,
}

impl Session {
    async fn begin(settings: &Settings, queue: &str) -> Result<Session, GatewayError> {
        let connection = connection::open_for(settings, "commands").await?;
        let subscribed = async {
            let channel = connection.create_channel().await?;
            subscribe(&channel, queue).await
        };
        let refused = |reason: String| GatewayError::Refused { queue: queue.to_owned(), reason };
        match tokio::time::timeout(settings.confirm_timeout, subscribed).await {
            Ok(Ok(consumer)) => Ok(Session { connection, consumer }),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(_) => Err(refused("the broker does not answer".into())),
        }
    }

    /// Until the connection breaks. A command is acknowledged after it was taken.
    async fn read(&mut self, taken: &mpsc::Sender<Vec<u8>>) {
        while let Some(Ok(delivery)) = self.consumer.next().await {
            if taken.send(delivery.data).await.is_err() {
                return;
            }
            if delivery.acker.ack(BasicAckOptions::default()).await.is_err() {
                return;
            }
        }
    }
}

async fn subscribe(channel: &Channel, queue: &str) -> lapin::Result<Consumer> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES_MS));
    channel.queue_declare(queue.into(), durable, arguments).await?;
    let bound = QueueBindOptions::default();
    channel.queue_bind(queue.into(), COMMANDS.into(), "#".into(), bound, FieldTable::default()).await?;
    channel.basic_qos(WINDOW, BasicQosOptions::default()).await?;
    channel
        .basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
}

async fn keep_reading(
    first: Session,
    settings: Arc<Settings>,
    queue: String,
    taken: mpsc::Sender<Vec<u8>>,
    closing: CancellationToken,
) {
    let mut life = Some(first);
    let mut backoff = Backoff::default();
    loop {
        if let Some(mut life) = life.take() {
            tokio::select! {
                () = closing.cancelled() => {}
                () = life.read(&taken) => {}
            }
            connection::close(life.connection).await;
        }
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(backoff.next()) => {}
        }
        match Session::begin(&settings, &queue).await {
            Ok(next) => {
                backoff.reset();
                life = Some(next);
            }
            Err(error) => tracing::warn!("{error}; trying again"),
        }
    }
}
