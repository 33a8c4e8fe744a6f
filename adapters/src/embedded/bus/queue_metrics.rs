//! Gauges of the number of messages per queue; the metric names are the same as with RabbitMQ.

use super::bus::Bus;
use super::names::{EVENTS, REJECTED, UNROUTED, UNROUTED_DROPPED};
use super::shared::Inner;
use metrics::{describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

const MESSAGES: &str = "signalbox_queue_messages";

impl Bus {
    /// Updates the gauges at this interval until the bus is dropped.
    pub fn watch_queues(&self, interval: Duration) {
        describe_gauge!(MESSAGES, "Ready messages per queue");
        describe_counter!(UNROUTED_DROPPED, "Commands dropped from signalbox.unrouted because it was full");
        tokio::spawn(update_gauges(Arc::downgrade(&self.inner), interval));
    }
}

async fn update_gauges(inner: Weak<Inner>, interval: Duration) {
    let mut shown = BTreeMap::new();
    while let Some(inner) = inner.upgrade() {
        // A deleted queue stays in the metrics with 0 messages.
        shown.values_mut().for_each(|depth| *depth = 0);
        shown.extend(inner.depths());
        drop(inner);
        for (name, depth) in &shown {
            gauge!(MESSAGES, "queue" => name.clone()).set(*depth as f64);
        }
        tokio::time::sleep(interval).await;
    }
}

impl Inner {
    pub(super) fn depths(&self) -> Vec<(String, usize)> {
        let state = self.state();
        let own = [
            (EVENTS, state.events.ready()),
            (REJECTED, state.rejections.waiting().len()),
            (UNROUTED, state.queues.unrouted().len()),
        ];
        let own = own.map(|(name, depth)| (name.to_owned(), depth));
        let gateways = state.queues.all().map(|queue| (queue.definition.name.clone(), queue.waiting.len()));
        own.into_iter().chain(gateways).collect()
    }
}
