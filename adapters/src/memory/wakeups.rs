//! Wakeups of the listeners of a shard.

use common::Shard;
use common::ports::work::Wakeups;
use tokio::sync::broadcast;

/// A wakeup that an operation sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    Ready(Shard),
    Due(Shard),
}

/// Wakeups from a broadcast channel; the Redis adapter uses them too.
pub(crate) struct BroadcastWakeups(pub(crate) broadcast::Receiver<Shard>);

#[async_trait::async_trait]
impl Wakeups for BroadcastWakeups {
    async fn next(&mut self) -> Shard {
        loop {
            match self.0.recv().await {
                Ok(shard) => return shard,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
