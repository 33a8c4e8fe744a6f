//! Gauges of the number of messages per queue; the metric names are the same as with RabbitMQ.

use super::bus::Bus;
use super::names::{EVENTS, REJECTED, UNROUTED, UNROUTED_DROPPED};
use super::queue::{MISSED, REFUSED};
use super::shared::Inner;
use common::ports::commands::QueueCondition;
use metrics::{describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

const MESSAGES: &str = "signalbox_queue_messages";
const FULL: &str = "signalbox_queue_full";

impl Bus {
    /// Updates the gauges at this interval until the bus is dropped.
    pub fn watch_queues(&self, interval: Duration) {
        describe_gauge!(MESSAGES, "Ready messages per queue");
        describe_gauge!(FULL, "1 for a command queue that is full or set aside, otherwise 0");
        describe_counter!(
            REFUSED,
            "Commands refused because this command queue was full; they are published again"
        );
        describe_counter!(MISSED, "Commands that other queues took while this command queue was set aside");
        describe_counter!(UNROUTED_DROPPED, "Commands dropped from signalbox.unrouted because it was full");
        tokio::spawn(update_gauges(Arc::downgrade(&self.inner), interval));
    }
}

async fn update_gauges(inner: Weak<Inner>, interval: Duration) {
    let mut shown = BTreeMap::new();
    let mut full = BTreeMap::new();
    while let Some(inner) = inner.upgrade() {
        // A deleted queue stays in the metrics with 0 messages.
        shown.values_mut().for_each(|depth| *depth = 0);
        shown.extend(inner.depths());
        full.values_mut().for_each(|is_full| *is_full = false);
        full.extend(inner.full());
        drop(inner);
        for (name, depth) in &shown {
            gauge!(MESSAGES, "queue" => name.clone()).set(*depth as f64);
        }
        for (name, is_full) in &full {
            gauge!(FULL, "queue" => name.clone()).set(f64::from(u8::from(*is_full)));
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
        let gateways = state.queues.all().map(|queue| (queue.name().to_owned(), queue.waiting.len()));
        own.into_iter().chain(gateways).collect()
    }

    /// Whether each command queue is full or set aside.
    fn full(&self) -> Vec<(String, bool)> {
        let queues = self.state().queues.list(Instant::now());
        queues.into_iter().map(|queue| (queue.name, queue.condition != QueueCondition::Open)).collect()
    }
}
