//! Eager starts: an executor runs what the dispatcher of its own process starts, without a claim request.
//!
//! ```text
//! dispatcher: place ─► deliver, which starts the activeflow and claims it ─► begin
//!                                                                             │
//! executor:   offer ◄──── claim loop ◄──── next ◄─────────────────────────────┘
//! ```
//! An executor offers places while it has room and nothing else is more urgent. A place that is dropped without an outcome
//! may have left a claim in the store: the executor releases it.

use common::Shard;
use common::member::MemberId;
use common::ports::eager;
use common::ports::intake::{Deliver, Destination};
use common::ports::work::{Claim, Row, Token};
use common::record::{Entry, Record};
use common::store_time::StoreTime;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Nonces of eager claims are greater; those of claim requests count from 0.
const FIRST_NONCE: u64 = 1 << 63;

/// What the dispatcher and the executor of a process share.
#[derive(Debug, Default)]
pub struct EagerStarts {
    state: Mutex<OfferState>,
    /// An outcome came, or a place was given back.
    changed: Notify,
}

#[derive(Debug, Default)]
struct OfferState {
    offer: Option<Offer>,
    /// Places that were taken and have no outcome yet, and outcomes that the executor has not taken.
    taken: usize,
    last_nonce: u64,
    outcomes: VecDeque<Outcome>,
}

#[derive(Debug)]
struct Offer {
    worker: MemberId,
    shards: Arc<BTreeSet<Shard>>,
    room: usize,
}

/// Ends the offer when the executor ends, also by a panic.
pub struct OfferEnd(pub Arc<EagerStarts>);

impl Drop for OfferEnd {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

/// What became of a place.
#[derive(Debug)]
pub enum Outcome {
    /// The activeflow was started and claimed.
    Started(Box<Row>, StoreTime),
    /// It is not known whether the activeflow was started and claimed.
    Unknown(Claim),
}

/// A place for one activeflow.
#[derive(Debug)]
pub struct Place {
    starts: Arc<EagerStarts>,
    claim: Claim,
    is_settled: bool,
}

impl EagerStarts {
    /// Offers places for activeflows of `shards`, until the next [`Self::withdraw`].
    pub fn offer(&self, worker: MemberId, shards: Arc<BTreeSet<Shard>>, room: usize) {
        self.lock().offer = Some(Offer { worker, shards, room });
    }

    /// Ends the offer. Returns the number of places that are taken.
    pub fn withdraw(&self) -> usize {
        let mut state = self.lock();
        state.offer = None;
        state.taken
    }

    /// The next outcome that the executor has to act on, or `None` when a place was given back.
    pub async fn next(&self) -> Option<Outcome> {
        let changed = self.changed.notified();
        if let Some(outcome) = self.try_next() {
            return Some(outcome);
        }
        changed.await;
        self.try_next()
    }

    pub fn try_next(&self) -> Option<Outcome> {
        let mut state = self.lock();
        let outcome = state.outcomes.pop_front()?;
        state.taken -= 1;
        Some(outcome)
    }

    fn hand_over(&self, outcome: Outcome) {
        self.lock().outcomes.push_back(outcome);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, OfferState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outcome {
    pub fn claim(self) -> Claim {
        match self {
            Outcome::Started(row, _) => row.claim,
            Outcome::Unknown(claim) => claim,
        }
    }
}

impl eager::EagerStarts for EagerStarts {
    fn place(self: Arc<Self>, event: &Deliver) -> Option<Box<dyn eager::Place>> {
        let Destination::Reference { owner: Some(start), .. } = &event.to else { return None };
        let (worker, nonce) = {
            let mut state = self.lock();
            let offer = state.offer.as_mut();
            let offer = offer.filter(|offer| offer.room > 0 && offer.shards.contains(&event.shard))?;
            offer.room -= 1;
            let worker = offer.worker;
            state.last_nonce += 1;
            state.taken += 1;
            (worker, FIRST_NONCE + state.last_nonce)
        };
        let claim = Claim { id: start.id, shard: event.shard, token: Token { worker, nonce } };
        Some(Box::new(Place { starts: self, claim, is_settled: false }))
    }
}

impl eager::Place for Place {
    fn token(&self) -> Token {
        self.claim.token
    }

    fn begin(mut self: Box<Self>, event: &Deliver, time: StoreTime) {
        let Destination::Reference { owner: Some(start), .. } = &event.to else { return };
        let mut record = Record::new(start, true, time.answered);
        record.claim(self.claim.token);
        let row = Row {
            claim: self.claim,
            record,
            trigger: event.input.clone(),
            inbox: vec![Entry::Trigger],
            outbox: Vec::new(),
            control: None,
        };
        self.is_settled = true;
        self.starts.hand_over(Outcome::Started(Box::new(row), time));
    }

    fn give_back(mut self: Box<Self>) {
        self.is_settled = true;
        self.starts.lock().taken -= 1;
        self.starts.changed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_settled {
            self.starts.hand_over(Outcome::Unknown(self.claim));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::identity::reference_key;
    use common::ports::eager::EagerStarts as _;
    use common::record::{ActiveflowSpec, FlowRef, Start, State};
    use common::{ActiveflowId, EventKey};
    use flow::route::Reference;
    use flow::{Class, Timestamp};
    use std::time::Duration;

    const SHARD: Shard = Shard(3);

    fn event() -> Deliver {
        let reference = Reference { realm: "default".into(), kind: "call".into(), subject: "1".into() };
        let key = reference_key(&reference);
        let spec = ActiveflowSpec {
            reference,
            customer_id: String::new(),
            bundle: [0; 32],
            hears: BTreeSet::new(),
            flow: FlowRef { id: String::new(), name: String::new(), version: 1 },
            traceparent: None,
        };
        let owner = Some(Start { id: ActiveflowId::from_bytes([7; 16]), class: Class::Voice, spec });
        Deliver {
            key: EventKey::of(&["1"]),
            shard: SHARD,
            generation: 0,
            to: Destination::Reference { key, owner, sides: Vec::new() },
            kind: "call.incoming".into(),
            input: b"{}".to_vec(),
            single_use: None,
            always_fits: false,
            eager: None,
        }
    }

    fn offering(room: usize) -> Arc<EagerStarts> {
        let starts = Arc::new(EagerStarts::default());
        starts.offer(MemberId::from(1), Arc::new(BTreeSet::from([SHARD])), room);
        starts
    }

    #[test]
    fn there_are_as_many_places_as_offered_and_only_for_own_shards_and_new_owners() {
        let starts = offering(2);
        let other = Deliver { shard: Shard(4), ..event() };
        let to = Destination::Reference { key: [0; 16], owner: None, sides: Vec::new() };
        let input = Deliver { to, ..event() };
        assert!(starts.clone().place(&other).is_none() && starts.clone().place(&input).is_none());
        let places =
            [starts.clone().place(&event()), starts.clone().place(&event()), starts.clone().place(&event())];
        let tokens: Vec<_> = places.iter().flatten().map(|place| place.token()).collect();
        assert_eq!(tokens.len(), 2);
        assert_ne!(tokens[0], tokens[1]);
        assert_eq!(starts.withdraw(), 2);
        places.into_iter().flatten().for_each(|place| place.give_back());
        assert_eq!(starts.withdraw(), 0);
        assert!(starts.clone().place(&event()).is_none(), "nothing is offered");
    }

    #[test]
    fn an_outcome_is_handed_over_and_a_dropped_place_is_an_unknown_one() {
        let starts = offering(2);
        let (begun, dropped) =
            (starts.clone().place(&event()).unwrap(), starts.clone().place(&event()).unwrap());
        let (token, unknown) = (begun.token(), dropped.token());
        let now = Timestamp::from_micros(5);
        begun.begin(&event(), StoreTime { answered: now, received_at: Duration::ZERO });
        drop(dropped);
        assert_eq!(starts.withdraw(), 2, "the executor has not taken them");
        let Some(Outcome::Started(row, _)) = starts.try_next() else { panic!("the first one is started") };
        assert_eq!(
            (row.claim.token, row.record.token, row.record.state),
            (token, Some(token), State::Claimed)
        );
        assert_eq!((row.record.created, row.inbox.as_slice()), (now, &[Entry::Trigger][..]));
        assert!(matches!(starts.try_next(), Some(Outcome::Unknown(claim)) if claim.token == unknown));
        assert!(starts.try_next().is_none());
        assert_eq!(starts.withdraw(), 0);
    }
}
