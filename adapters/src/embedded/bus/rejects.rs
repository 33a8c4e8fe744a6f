//! The port of rejected events: list, replay, discard.

use super::bus::Bus;
use async_trait::async_trait;
use common::ports::error::Unusable;
use common::ports::rejects::{MAX_LISTED_BODY, MAX_LISTED_BYTES, Rejected, Rejects, Selection};

#[async_trait]
impl Rejects for Bus {
    async fn list(&self, limit: usize) -> Result<Vec<Rejected>, Unusable> {
        let (listed, written) = self.inner.change(|state, _| {
            let oldest = state.rejections.waiting().iter().take(limit);
            let mut bytes = 0;
            let within = oldest.take_while(|entry| {
                let has_room = bytes < MAX_LISTED_BYTES;
                bytes += entry.item.body.len().min(MAX_LISTED_BODY);
                has_room
            });
            within.map(|entry| entry.item.clone().abridged()).collect()
        });
        self.inner.wait_durable("listing rejected events", written).await?;
        Ok(listed)
    }

    async fn replay(&self, selection: &Selection) -> Result<usize, Unusable> {
        let (replayed, written) = self
            .inner
            .change(|state, changes| state.rejections.replay(selection, &mut state.events, changes));
        self.inner.wait_durable("replaying rejected events", written).await?;
        replayed
    }

    async fn discard(&self, selection: &Selection) -> Result<usize, Unusable> {
        let (discarded, written) =
            self.inner.change(|state, changes| state.rejections.take(selection, changes).len());
        self.inner.wait_durable("discarding rejected events", written).await?;
        Ok(discarded)
    }
}
