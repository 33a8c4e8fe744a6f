//! The port, put together from its two sides.

use super::connection::{Backoff, Consuming, Health};
use super::consume::Session;
use super::publish::Publisher;
use super::{Settings, queues, wire};
use async_trait::async_trait;
use common::command::Message;
use common::ports::bus::{Bus as Port, Confirm, Deliveries, Rejection};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What is allowed for closing beyond the time limit of a confirm.
const CLOSING: Duration = Duration::from_secs(5);

pub struct Bus {
    settings: Arc<Settings>,
    publisher: Publisher,
    health: Arc<Health>,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Bus {
    /// Does not wait for the broker: it is tried in the background, for as long as it takes.
    pub fn connect(settings: Settings) -> Bus {
        let settings = Arc::new(settings);
        let health = Arc::new(Health::default());
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (publisher, publishing) = Publisher::new(settings.clone(), health.clone(), closing.clone());
        tasks.spawn(publishing);
        Bus { settings, publisher, health, closing, tasks }
    }

    /// Keeps the gauges of our queues fresh until the bus closes; on a connection of its own.
    pub fn watch_queues(&self, every: Duration) {
        self.tasks.spawn(queues::watch(self.settings.clone(), every, self.closing.clone()));
    }

    /// Ends every consumer, settles what was accepted and closes the connections, within a bounded time.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        let limit = self.settings.confirm_timeout + CLOSING;
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                "closing the bus took longer than {} ms; what was not confirmed may be stored",
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
                Ok(life) => return Box::new(life),
                Err(e) => {
                    let pause = backoff.next();

                    tracing::warn!("{e}; trying again in {} ms", pause.as_millis());
                    tokio::time::sleep(pause).await;
                }
            }
        }
        std::future::pending().await
    }

    fn publish(&self, message: Message) -> Confirm {
        self.publisher.send(wire::command(message))
    }

    fn announce(&self, message: Message) -> Confirm {
        self.publisher.send(wire::notice(message))
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.publisher.send(wire::rejection(rejection))
    }

    fn is_up(&self) -> bool {
        self.health.is_up()
    }
}
