//! Publishes an unusable event to the rejected queue, where an operator can inspect it.

use crate::dispatcher::Dispatcher;
use crate::metrics;
use common::BusError;
use common::backoff::Backoff;
use common::event_metrics::CountedOutcome;
use common::ports::bus::{Delivery, Rejection};
use common::ports::rejects::derived_id;
use common::refusal::Refusal;
use std::collections::BTreeMap;

/// Rejects `delivery`. Retries until the broker confirms it or refuses it twice: then the rejected queue is full.
pub async fn reject(dispatcher: &Dispatcher, delivery: &Delivery, refusal: Refusal) -> CountedOutcome {
    let Refusal { reason, message } = refusal;
    let reason = reason.name().to_owned();
    let id = rejection_id(dispatcher, delivery);
    let rejection =
        Rejection { id, reason, message, body: delivery.body.clone(), original: original(delivery) };
    let mut backoff = Backoff::default();
    let mut refused = false;
    loop {
        match dispatcher.ports.bus.reject(rejection.clone()).await {
            Ok(()) => {
                metrics::rejected(&rejection.reason);
                let Rejection { reason, message, .. } = rejection;
                tracing::warn!(
                    reason,
                    message = common::mask::masked(&message),
                    bytes = delivery.body.len(),
                    "Event rejected"
                );
                return CountedOutcome::Rejected;
            }
            // The broker also refuses what was on its way to a queue that somebody deletes; the next attempt declares it again.
            Err(BusError::Nacked { .. }) if !refused => {
                refused = true;
                dispatcher.ports.clock.sleep(backoff.pause()).await;
            }
            Err(BusError::Nacked { .. }) => {
                metrics::dropped();
                tracing::error!(
                    reason = rejection.reason,
                    "The rejected queue is full; the event was dropped"
                );
                return CountedOutcome::Dropped;
            }
            Err(error @ BusError::Unconfirmed { .. }) => {
                tracing::debug!(%error, "The broker did not confirm a rejected event; publishing it again");
                dispatcher.ports.clock.sleep(backoff.pause()).await;
            }
        }
    }
}

/// Differs for each process, delivery and time, and between copies of an event.
fn rejection_id(dispatcher: &Dispatcher, delivery: &Delivery) -> String {
    let time = dispatcher.ports.clock.monotonic().as_nanos();
    derived_id(&dispatcher.config.instance, &format!("{} {time}", delivery.tag), &delivery.body)
}

fn original(delivery: &Delivery) -> BTreeMap<String, String> {
    let Delivery { routing_key, reference, message_id, user_id, .. } = delivery;
    let optional = [("reference", reference), ("message_id", message_id), ("user_id", user_id)];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    [("routing_key", routing_key.clone())]
        .into_iter()
        .chain(optional)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
