//! The bus port: publisher and consumer.

use super::connection::{Backoff, Consuming, Health};
use super::consume::Session;
use super::publish::Publisher;
use super::settings::Settings;
use super::{queue_metrics, wire};
use async_trait::async_trait;
use common::command::Message;
use common::ports::bus::{Bus as Port, Confirm, Deliveries, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time limit for closing, in addition to the time limit for a confirm.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The bus on RabbitMQ.
pub struct Bus {
    settings: Arc<Settings>,
    publisher: Publisher,
    rejections: Publisher,
    health: Arc<Health>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Bus {
    /// Returns at once; connects in the background and retries until the broker is reachable.
    pub fn connect(settings: Settings) -> Bus {
        let settings = Arc::new(settings);
        let health = Arc::new(Health::default());
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (publisher, publishing) = Publisher::new(settings.clone(), health.clone(), closing.clone());
        tasks.spawn(publishing);
        let (rejections, rejecting) = Publisher::for_rejections(settings.clone(), closing.clone());
        tasks.spawn(rejecting);
        Bus { settings, publisher, rejections, health, closing, tasks }
    }

    /// Updates the queue gauges at this interval until the bus closes, over a separate connection, and declares a deleted
    /// `signalbox.unrouted` or `signalbox.rejected` again.
    pub fn watch_queues(&self, interval: Duration) {
        self.tasks.spawn(queue_metrics::run(self.settings.clone(), interval, self.closing.clone()));
    }

    /// Ends every consumer, waits for open confirms and closes the connections, within a time limit.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        let limit = self.settings.confirm_timeout + CLOSE_TIMEOUT;
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "the bus did not close within {} ms; unconfirmed messages may have been stored",
                limit.as_millis()
            );
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

#[async_trait]
impl Port for Bus {
    async fn consume(&self) -> Box<dyn Deliveries> {
        let mut backoff = Backoff::default();
        self.health.set_consuming(Consuming::Waiting);
        while !self.closing.is_cancelled() {
            match Session::begin(&self.settings, self.health.clone(), self.closing.clone(), &self.tasks).await
            {
                Ok(session) => return Box::new(session),
                Err(e) => {
                    let pause = backoff.next();
                    tracing::warn!("{e}; trying again in {} ms", pause.as_millis());
                    tokio::time::sleep(pause).await;
                }
            }
        }
        std::future::pending().await
    }

    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm> {
        self.publisher.send_all(commands.into_iter().map(wire::command))
    }

    fn announce(&self, message: Message) -> Confirm {
        self.publisher.send(wire::notice(message))
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.rejections.send(wire::rejection(rejection))
    }

    fn is_up(&self) -> bool {
        self.health.is_up()
    }
}
