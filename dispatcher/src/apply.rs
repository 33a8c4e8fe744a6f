//! Handles one event: stores its effect, or rejects it. The futures spawn no tasks, so they may be dropped at any port call;
//! the event is then redelivered.

use crate::backlog_gate::BacklogGate;
use crate::dispatcher::Dispatcher;
use crate::metrics;
use crate::ports::Ports;
use crate::read::{key, panicked, read};
use crate::reject::reject;
use common::address::{ParsedEvent, is_judged_by_arrival};
use common::deliver::{DeliveryContext, DeliveryOutcome, deliver};
use common::event_metrics::{self, CountedOutcome, judged_by_arrival, type_label};
use common::mask::masked;
use common::ports::bus::Delivery;
use common::ports::eager::Place;
use common::ports::intake::{Deliver, Destination};
use common::refusal::{Refusal, RefusalReason};
use common::retry::until_answered;
use common::{EventKey, Shard, StoreError};
use flow::Definitions;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of counted attempts at a suspect. One more rejects it as poison.
const MAX_SOLO_ATTEMPTS: u32 = 5;
/// Interval between attempts at an event whose activeflow has a record of a newer release.
const UPGRADE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Number of such attempts between two log lines.
const ATTEMPTS_PER_LOG_LINE: u64 = 60;

/// Stores the effect of an event, or publishes it to the rejected queue. Returns when either is durable.
pub async fn apply(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    read: Result<ParsedEvent, Refusal>,
) -> CountedOutcome {
    handle(dispatcher, delivery, read, Concurrency::Shared).await
}

/// Handles a suspect: an event that was in process when dispatchers died. No other event may run meanwhile. Each attempt
/// is counted before it is made; while the store cannot count, the event is neither tried nor rejected.
pub async fn apply_alone(dispatcher: &Dispatcher, delivery: &Delivery) -> CountedOutcome {
    let Dispatcher { config, handled_suspects, .. } = dispatcher;
    let key = attempt_key(delivery);
    let counted =
        if handled_suspects.contains(&key) { Ok(0) } else { count_attempt(dispatcher, delivery, key).await };
    let refusal = match counted {
        Ok(attempts) if attempts > MAX_SOLO_ATTEMPTS => {
            let before = attempts - 1;
            Refusal::new(
                RefusalReason::Poison,
                format!("{before} dispatchers died while each handled only this event"),
            )
        }
        Ok(_) => {
            let read = read(delivery, &config.realms);
            let outcome = handle(dispatcher, delivery, read, Concurrency::Exclusive).await;
            handled_suspects.insert(key);
            return outcome;
        }
        Err(error) => record_damaged(&error),
    };
    reject(dispatcher, delivery, refusal).await
}

/// Whether other events are handled at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Concurrency {
    Shared,
    Exclusive,
}

async fn handle(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    read: Result<ParsedEvent, Refusal>,
    concurrency: Concurrency,
) -> CountedOutcome {
    let started_at = dispatcher.ports.clock.monotonic();
    let kind = type_label(read.as_ref().map_or("", |read| &read.event.kind));
    let stored = match read {
        Ok(read) => AssertUnwindSafe(store(dispatcher, &read, concurrency))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(panicked())),
        Err(refusal) => Err(refusal),
    };
    let outcome = match stored {
        Ok(outcome) => outcome,
        Err(refusal) => reject(dispatcher, delivery, refusal).await,
    };
    event_metrics::record(kind, outcome, dispatcher.ports.clock.monotonic().saturating_sub(started_at));
    outcome
}

async fn store(
    dispatcher: &Dispatcher,
    read: &ParsedEvent,
    concurrency: Concurrency,
) -> Result<CountedOutcome, Refusal> {
    let Dispatcher { ports, definitions, backlog_gate, .. } = dispatcher;
    let gated = concurrency == Concurrency::Shared && BacklogGate::applies_to(&read.event.kind);
    let context = Context { dispatcher, gated };
    let arrival = definitions.store_time();
    if is_judged_by_arrival(&read.event, arrival) {
        judged_by_arrival(type_label(&read.event.kind));
    }
    let mut attempts = 0;
    let outcome = loop {
        match deliver(&context, &*ports.intake, &*ports.clock, read, arrival).await {
            Ok(outcome) => break outcome,
            Err(DeliverError::Store(error @ StoreError::TooNew { .. })) => {
                wait_for_upgrade(dispatcher, &error, &mut attempts).await;
            }
            Err(DeliverError::Store(error)) => return Err(record_damaged(&error)),
            Err(DeliverError::Refused(refusal)) => return Err(refusal),
        }
    };
    match outcome {
        DeliveryOutcome::Applied { shard, to, started, backlog } => {
            backlog_gate.record(shard, backlog, ports.clock.monotonic());
            tracing::debug!(
                event_type = read.event.kind,
                subject = masked(&key(read).1),
                %shard,
                to = ?to,
                started = ?started,
                "Event applied"
            );
            Ok(CountedOutcome::Applied)
        }
        DeliveryOutcome::Duplicate => Ok(CountedOutcome::Duplicate),
        DeliveryOutcome::Copy => Ok(CountedOutcome::Copy),
        DeliveryOutcome::Unmatched => Ok(unmatched(read)),
        DeliveryOutcome::Late => Ok(CountedOutcome::Late),
        DeliveryOutcome::InboxFull { owner } => {
            let message =
                format!("the inbox of activeflow {owner} is full; replay the event when there is room again");
            Err(Refusal::new(RefusalReason::InboxFull, message))
        }
    }
}

struct Context<'a> {
    dispatcher: &'a Dispatcher,
    /// Whether the event waits while its shard has too large a backlog.
    gated: bool,
}

enum DeliverError {
    Refused(Refusal),
    Store(StoreError),
}

impl From<Refusal> for DeliverError {
    fn from(refusal: Refusal) -> DeliverError {
        DeliverError::Refused(refusal)
    }
}

impl From<StoreError> for DeliverError {
    fn from(error: StoreError) -> DeliverError {
        DeliverError::Store(error)
    }
}

impl DeliveryContext for Context<'_> {
    type Error = DeliverError;

    fn definitions(&self) -> Arc<Definitions> {
        self.dispatcher.definitions.get()
    }

    async fn refresh(&self, generation: u64) -> Result<Arc<Definitions>, DeliverError> {
        self.dispatcher.definitions.wait_for(generation).await;
        Ok(self.dispatcher.definitions.get())
    }

    fn place(&self, deliver: &Deliver) -> Option<Box<dyn Place>> {
        self.dispatcher.ports.eager.clone()?.place(deliver)
    }

    async fn admit(&self, deliver: &Deliver) {
        let Dispatcher { ports, backlog_gate, .. } = self.dispatcher;
        if self.gated && would_start(deliver) {
            backlog_gate.wait_until_open(ports, deliver.shard).await;
        }
    }
}

/// Keeps the event in its place until this binary is replaced: the event is good, but this release cannot read the record
/// of its activeflow. The replacement returns the event to the queue.
async fn wait_for_upgrade(dispatcher: &Dispatcher, error: &StoreError, attempts: &mut u64) {
    if *attempts == 0 {
        metrics::too_new();
    }
    if attempts.is_multiple_of(ATTEMPTS_PER_LOG_LINE) {
        tracing::error!(%error, "An event waits until this dispatcher is upgraded; later events in the queue may wait too");
    }
    *attempts += 1;
    dispatcher.ports.clock.sleep(UPGRADE_CHECK_INTERVAL).await;
}

fn would_start(deliver: &Deliver) -> bool {
    matches!(&deliver.to, Destination::Reference { owner, sides, .. } if owner.is_some() || !sides.is_empty())
}

/// Carriers publish many events that no flow uses: they are counted, and logged only at debug level.
fn unmatched(read: &ParsedEvent) -> CountedOutcome {
    tracing::debug!(
        event_type = read.event.kind,
        subject = masked(&key(read).1),
        "No activeflow hears the event and no route takes its address"
    );
    CountedOutcome::Unmatched
}

async fn count_attempt(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    key: EventKey,
) -> Result<u32, StoreError> {
    let Ports { clock, intake, .. } = &dispatcher.ports;
    let shard = Shard::of_slot(key.bucket(), intake.shards());
    let attempt = attempt_id(dispatcher, delivery);
    until_answered(&**clock, || intake.count_attempt(shard, key, attempt)).await
}

/// Differs for each process, delivery and time.
fn attempt_id(dispatcher: &Dispatcher, delivery: &Delivery) -> u64 {
    let time = dispatcher.ports.clock.monotonic().as_nanos().to_string();
    let id = EventKey::of(&[&dispatcher.config.instance, &delivery.tag.to_string(), &time]);
    id.0[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Derived from the bytes: an event whose reading kills the process must be counted without reading it.
fn attempt_key(delivery: &Delivery) -> EventKey {
    let user = delivery.user_id.as_deref().unwrap_or_default();
    EventKey::of(&[user, &delivery.routing_key, &String::from_utf8_lossy(&delivery.body)])
}

fn record_damaged(error: &StoreError) -> Refusal {
    Refusal::new(RefusalReason::RecordDamaged, error.to_string())
}

#[cfg(test)]
mod tests;
