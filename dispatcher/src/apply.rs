//! What happens to one event. Plain futures that spawn nothing: they may be dropped at any port call, and the event
//! then comes again.

use crate::address::{key, read};
use crate::gate::Gate;
use crate::reject::reject;
use crate::{Dispatcher, Ports, metrics};
use common::address::{Read, address};
use common::answer::until_answered;
use common::mask::masked;
use common::ports::bus::Delivery;
use common::ports::intake::{Deliver, Delivered, To};
use common::refusal::{Refusal, RefusalReason};
use common::{EventKey, Shard, StoreError};
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// So many counted attempts an event has that was there when dispatchers died.
const SOLO_ATTEMPTS: u32 = 5;
/// How often an event asks again whose activeflow has a record of a newer release.
const LOOK_FOR_UPGRADE: Duration = Duration::from_secs(1);
/// Of so many looks one is told of.
const TELL_EVERY: u64 = 60;

/// What became of an event. Each is final: the delivery may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOutcome {
    Applied,
    Duplicate,
    /// Nobody hears it and it starts nothing.
    Unmatched,
    /// For an activeflow that has ended.
    Late,
    Rejected,
    /// The rejected queue was full.
    Dropped,
}

/// Stores the effect of an event, or keeps it among the rejected. Ends when either is durable.
pub async fn apply(
    dispatcher: &Dispatcher,
    delivery: &Delivery,
    read: Result<Read, Refusal>,
) -> EventOutcome {
    handle(dispatcher, delivery, read, Concurrency::Shared).await
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
    read: Result<Read, Refusal>,
    concurrency: Concurrency,
) -> EventOutcome {
    let begun = dispatcher.ports.clock.monotonic();
    let kind = metrics::known(read.as_ref().map_or("", |read| &read.event.kind));
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
    metrics::event(kind, outcome, dispatcher.ports.clock.monotonic().saturating_sub(begun));
    outcome
}

/// The same for an event that was there when a dispatcher died: it is handled while no other is, and each attempt is
/// counted before it is made. While the store cannot count, nothing is tried and nothing rejected.
pub async fn apply_alone(dispatcher: &Dispatcher, delivery: &Delivery) -> EventOutcome {
    let Dispatcher { config, handled_suspects, .. } = dispatcher;
    let key = attempt_key(delivery);
    let counted = if handled_suspects.knows(&key) { Ok(0) } else { count(dispatcher, delivery, key).await };
    let refusal = match counted {
        Ok(attempts) if attempts > SOLO_ATTEMPTS => {
            let before = attempts - 1;
            Refusal::new(
                RefusalReason::Poison,
                format!("{before} dispatchers died while each handled only this event"),
            )
        }
        Ok(_) => {
            let read = read_guarded(delivery, &config.realms);
            let outcome = handle(dispatcher, delivery, read, Concurrency::Exclusive).await;
            handled_suspects.note(key);
            return outcome;
        }
        Err(error) => refused(&error),
    };
    reject(dispatcher, delivery, refusal).await
}

async fn count(dispatcher: &Dispatcher, delivery: &Delivery, key: EventKey) -> Result<u32, StoreError> {
    let Ports { clock, intake, .. } = &dispatcher.ports;
    let shard = Shard::of_slot(key.bucket(), intake.shards());
    let attempt = attempt_name(dispatcher, delivery);
    until_answered(&**clock, || intake.count_attempt(shard, key, attempt)).await
}

/// Reads an event; a panic is a refusal of that one event.
pub fn read_guarded(delivery: &Delivery, realms: &BTreeMap<String, String>) -> Result<Read, Refusal> {
    catch_unwind(AssertUnwindSafe(|| read(delivery, realms))).unwrap_or_else(|_| Err(panicked()))
}

async fn store(
    dispatcher: &Dispatcher,
    read: &Read,
    concurrency: Concurrency,
) -> Result<EventOutcome, Refusal> {
    let Dispatcher { ports, view, gate, .. } = dispatcher;
    let may_wait = concurrency == Concurrency::Shared && Gate::holds(&read.event.kind);
    let arrival = view.now();
    let mut waits = 0;
    loop {
        let deliver = address(read, &view.definitions(), arrival, ports.intake.shards())?;
        if may_wait && starts_something(&deliver) {
            gate.pass(ports, deliver.shard).await;
        }
        let delivered = until_answered(&*ports.clock, || ports.intake.deliver(&deliver)).await;
        if let Err(error @ StoreError::TooNew { .. }) = &delivered {
            wait_for_upgrade(dispatcher, error, &mut waits).await;
            continue;
        }
        match delivered.map_err(|error| refused(&error))? {
            Delivered::Applied { to, started, backlog } => {
                gate.note(deliver.shard, backlog, ports.clock.monotonic());
                tracing::debug!(
                    event_type = read.event.kind,
                    subject = masked(&key(read).1),
                    shard = %deliver.shard,
                    to = ?to,
                    started = ?started,
                    "Event applied"
                );
                return Ok(EventOutcome::Applied);
            }
            Delivered::Duplicate => return Ok(EventOutcome::Duplicate),
            Delivered::Unmatched => return Ok(unmatched(read)),
            Delivered::Late => return Ok(EventOutcome::Late),
            Delivered::InboxFull { owner } => {
                let message =
                    format!("the inbox of activeflow {owner} is full; replay the event when it has moved on");
                return Err(Refusal::new(RefusalReason::InboxFull, message));
            }
            Delivered::StaleDefinitions { generation } => view.reach(generation).await,
        }
    }
}

/// The event is good, and this binary is too old for it: it keeps its place until the binary is replaced, which gives it
/// back to the queue.
async fn wait_for_upgrade(dispatcher: &Dispatcher, error: &StoreError, waits: &mut u64) {
    if *waits == 0 {
        metrics::too_new();
    }
    if waits.is_multiple_of(TELL_EVERY) {
        tracing::error!(%error, "An event waits until this dispatcher is upgraded; those behind it in the queue may, too");
    }
    *waits += 1;
    dispatcher.ports.clock.sleep(LOOK_FOR_UPGRADE).await;
}

fn starts_something(deliver: &Deliver) -> bool {
    matches!(&deliver.to, To::Reference { owner, sides, .. } if owner.is_some() || !sides.is_empty())
}

/// Carriers publish much that nobody listens to: a metric, and a line for who looks closely.
fn unmatched(read: &Read) -> EventOutcome {
    tracing::debug!(
        event_type = read.event.kind,
        subject = masked(&key(read).1),
        "Nobody hears the event and no route takes its address"
    );
    EventOutcome::Unmatched
}

/// Another for each process, delivery and moment.
fn attempt_name(dispatcher: &Dispatcher, delivery: &Delivery) -> u64 {
    let moment = dispatcher.ports.clock.monotonic().as_nanos().to_string();
    let name = EventKey::derive(&dispatcher.config.instance, &delivery.tag.to_string(), &moment);
    name.0[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// By the bytes: an event that kills whoever reads it must be counted without reading it.
fn attempt_key(delivery: &Delivery) -> EventKey {
    let user = delivery.user_id.as_deref().unwrap_or_default();
    EventKey::derive(user, &delivery.routing_key, &String::from_utf8_lossy(&delivery.body))
}

fn refused(error: &StoreError) -> Refusal {
    Refusal::new(RefusalReason::RecordDamaged, error.to_string())
}

fn panicked() -> Refusal {
    Refusal::new(
        RefusalReason::InternalError,
        "the dispatcher panicked while it handled this event; its log says where",
    )
}

#[cfg(test)]
mod tests;
