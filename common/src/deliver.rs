//! Delivery of one event to the store: address it, store its effect, and address it again by newer definitions when the
//! shard knows newer ones. The dispatcher and `POST /v1/events` both use it.

use crate::address::{ParsedEvent, address};
use crate::backoff::Backoff;
use crate::ports::eager::Place;
use crate::ports::intake::{Deliver, Delivered};
use crate::ports::{Clock, Intake};
use crate::refusal::Refusal;
use crate::retry::until_answered;
use crate::store_time::StoreTime;
use crate::{ActiveflowId, Shard, StoreError};
use flow::{Definitions, Timestamp};
use std::future::Future;
use std::sync::Arc;

/// The caller's definitions, and its rule for when a shard may take an event.
pub trait DeliveryContext: Sync {
    type Error: From<Refusal> + From<StoreError>;

    /// The newest definitions loaded so far.
    fn definitions(&self) -> Arc<Definitions>;

    /// Loads newer definitions and returns the newest; the shard knows `generation`.
    fn refresh(&self, generation: u64) -> impl Future<Output = Result<Arc<Definitions>, Self::Error>> + Send;

    /// Waits until the shard may take the event. The default does not wait.
    fn admit(&self, _deliver: &Deliver) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// A place at an executor of this process for the activeflow that the event would start. The default has none.
    fn place(&self, _deliver: &Deliver) -> Option<Box<dyn Place>> {
        None
    }

    /// Whether to wait while the store has no room for another activeflow. Otherwise that is an error.
    fn waits_for_room(&self) -> bool {
        true
    }
}

/// The store's final answer for one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// See [`Delivered::Applied`]; `backlog` is the number of ready activeflows in `shard`.
    Applied {
        shard: Shard,
        to: Option<ActiveflowId>,
        started: Vec<ActiveflowId>,
        backlog: u64,
    },
    Duplicate,
    Copy,
    Unmatched,
    Late,
    InboxFull {
        owner: ActiveflowId,
    },
}

/// Delivers until the store answers by definitions that are not stale. `arrival` stands in for a missing event time.
///
/// # Errors
/// The event cannot be addressed, the store returns a permanent error, or the definitions cannot be refreshed.
pub async fn deliver<C: DeliveryContext>(
    context: &C,
    intake: &dyn Intake,
    clock: &dyn Clock,
    read: &ParsedEvent,
    arrival: Timestamp,
) -> Result<DeliveryOutcome, C::Error> {
    let mut backoff = Backoff::default();
    let mut definitions = context.definitions();
    loop {
        let mut deliver = address(read, &definitions, arrival, intake.shards())?;
        context.admit(&deliver).await;
        let place = context.place(&deliver);
        deliver.eager = place.as_ref().map(|place| place.token());
        let delivered = match until_answered(clock, || answer_or_full(intake, &deliver)).await? {
            Ok(delivered) => delivered,
            Err(full) if !context.waits_for_room() => return Err(full.into()),
            Err(_) => {
                place.into_iter().for_each(|place| place.give_back());
                clock.sleep(backoff.pause()).await;
                continue;
            }
        };
        if let Some(place) = place {
            match delivered {
                Delivered::Applied { claimed: Some(answered), .. } => {
                    place.begin(&deliver, StoreTime { answered, received_at: clock.monotonic() });
                }
                // An earlier try, whose answer was lost, may have claimed.
                Delivered::StaleDefinitions { .. } => drop(place),
                _ => place.give_back(),
            }
        }
        match delivered {
            Delivered::Applied { to, started, backlog, .. } => {
                return Ok(DeliveryOutcome::Applied { shard: deliver.shard, to, started, backlog });
            }
            Delivered::Duplicate => return Ok(DeliveryOutcome::Duplicate),
            Delivered::Copy => return Ok(DeliveryOutcome::Copy),
            Delivered::Unmatched => return Ok(DeliveryOutcome::Unmatched),
            Delivered::Late => return Ok(DeliveryOutcome::Late),
            Delivered::InboxFull { owner } => return Ok(DeliveryOutcome::InboxFull { owner }),
            Delivered::StaleDefinitions { generation } => {
                definitions = context.refresh(generation).await?;
                if definitions.generation < generation {
                    clock.sleep(backoff.pause()).await;
                }
            }
        }
    }
}

/// The answer, or the error that the store is full: it is not repeated at once.
async fn answer_or_full(
    intake: &dyn Intake,
    deliver: &Deliver,
) -> Result<Result<Delivered, StoreError>, StoreError> {
    match intake.deliver(deliver).await {
        Err(full @ StoreError::Full { .. }) => Ok(Err(full)),
        answered => answered.map(Ok),
    }
}
