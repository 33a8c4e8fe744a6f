//! The model: the whole state store in plain ordered maps, one function per operation. Other adapters are measured
//! against it, and the simulation runs on it.

mod model;
mod ports;
mod shard;

use common::Shard;
use common::ports::work::Bell;
use flow::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;

pub use model::Limits;
use model::{Model, Ring};

/// The store's clock, moved by hand.
#[derive(Clone, Default)]
pub struct ManualTime(Arc<AtomicI64>);

impl ManualTime {
    pub fn at(time: Timestamp) -> ManualTime {
        ManualTime(Arc::new(AtomicI64::new(time.as_micros())))
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }
}

/// The model behind the ports.
pub struct Store {
    model: Mutex<Model>,
    time: ManualTime,
    ready: broadcast::Sender<Shard>,
    due: broadcast::Sender<Shard>,
}

impl Store {
    pub fn new(shards: u16, limits: Limits, time: ManualTime) -> Store {
        Store {
            model: Mutex::new(Model::new(shards, limits)),
            time,
            ready: broadcast::channel(1_024).0,
            due: broadcast::channel(1_024).0,
        }
    }

    /// Runs one operation at the store's time, and rings what it asks to ring.
    fn run<T>(&self, operation: impl FnOnce(&mut Model, Timestamp) -> T) -> T {
        let mut model = self.lock();
        let answer = operation(&mut model, self.time.now());
        for ring in model.take_rings() {
            // Nobody listening is fine: everybody also looks once a second.
            let _ = match ring {
                Ring::Ready(shard) => self.ready.send(shard),
                Ring::Due(shard) => self.due.send(shard),
            };
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bell on a broadcast channel; the redis adapter rings the same kind.
pub(crate) struct BroadcastBell(pub(crate) broadcast::Receiver<Shard>);

#[async_trait::async_trait]
impl Bell for BroadcastBell {
    async fn rung(&mut self) -> Shard {
        loop {
            match self.0.recv().await {
                Ok(shard) => return shard,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
