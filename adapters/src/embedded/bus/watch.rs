//! How many messages stand in our queues, under the names that they have at RabbitMQ too.

use super::queues::UNROUTED;
use super::{Bus, EVENTS, Inner, REJECTED, UNROUTED_DROPPED};
use metrics::{describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

const MESSAGES: &str = "signalbox_queue_messages";

impl Bus {
    /// Keeps the gauges of the queues fresh for as long as the bus is there.
    pub fn watch_queues(&self, every: Duration) {
        describe_gauge!(MESSAGES, "Messages that are ready in a queue of ours");
        describe_counter!(
            UNROUTED_DROPPED,
            "Commands that were dropped from signalbox.unrouted, which was full: no queue has taken them"
        );
        tokio::spawn(watch(Arc::downgrade(&self.inner), every));
    }
}

async fn watch(inner: Weak<Inner>, every: Duration) {
    let mut shown = BTreeMap::new();
    while let Some(inner) = inner.upgrade() {
        // A queue that is deleted stays in the metrics.
        shown.values_mut().for_each(|depth| *depth = 0);
        shown.extend(inner.depths());
        drop(inner);
        for (name, depth) in &shown {
            gauge!(MESSAGES, "queue" => name.clone()).set(*depth as f64);
        }
        tokio::time::sleep(every).await;
    }
}

impl Inner {
    pub(super) fn depths(&self) -> Vec<(String, usize)> {
        let state = self.state();
        let ours = [
            (EVENTS, state.events.ready()),
            (REJECTED, state.rejections.waiting().len()),
            (UNROUTED, state.queues.unrouted().len()),
        ];
        let ours = ours.map(|(name, depth)| (name.to_owned(), depth));
        let gateways = state.queues.all().map(|queue| (queue.definition.name.clone(), queue.waiting.len()));
        ours.into_iter().chain(gateways).collect()
    }
}
