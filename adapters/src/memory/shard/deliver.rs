//! Delivery of an event: dedup, then the owner or a new one, then side runs.

use super::activeflow::ActiveflowEntry;
use super::state::ShardState;
use crate::memory::tracked::BoundedLog;
use common::identity::reference_key;
use common::limits::{INBOX_BYTES, INBOX_ENTRIES};
use common::ports::intake::{Deliver, Delivered, Destination, SingleUse};
use common::ports::lookup::FeedKind;
use common::ports::work::Token;
use common::record::{Entry, Record, Start, State};
use common::{ActiveflowId, EventKey};
use flow::Timestamp;
use std::collections::{BTreeSet, VecDeque};

impl ShardState {
    pub fn deliver(&mut self, event: &Deliver, now: Timestamp) -> Delivered {
        if let Destination::Reference { .. } = event.to {
            if event.generation < self.generation {
                return Delivered::StaleDefinitions { generation: self.generation };
            }
            self.generation = event.generation;
        }
        self.dedup.rotate(now, self.limits.dedup_rotation.as_micros() as i64);
        if self.dedup.contains(&event.key) {
            let claimed = self.claimed_before(event);
            return claimed.map_or(Delivered::Duplicate, |id| self.applied(Some(id), vec![id], Some(now)));
        }
        let answer = match &event.to {
            Destination::Activeflow { id, realm } => self.deliver_to(*id, realm, event, now),
            Destination::Reference { key, owner, sides } => {
                self.deliver_by(key, owner.as_ref(), sides, event, now)
            }
        };
        if matches!(answer, Delivered::Applied { .. }) {
            self.dedup.mark(&event.key);
        }
        answer
    }

    /// Whether the event would start an activeflow.
    pub fn would_start(&self, event: &Deliver) -> bool {
        let Destination::Reference { key, owner, sides } = &event.to else { return false };
        let starts = !sides.is_empty() || (owner.is_some() && !self.owners.contains_key(key));
        starts && event.generation >= self.generation && !self.dedup.contains(&event.key)
    }

    pub fn count_attempt(&mut self, key: EventKey, attempt: u64) -> u32 {
        let attempts = self.attempts.get_or_insert_with(key.0, BTreeSet::new);
        attempts.insert(attempt);
        attempts.len() as u32
    }

    fn deliver_to(&mut self, id: ActiveflowId, realm: &str, event: &Deliver, now: Timestamp) -> Delivered {
        let takes_answers = |activeflow: &ActiveflowEntry| {
            activeflow.record.spec.reference.realm == realm && activeflow.record.state != State::Ended
        };
        if !self.activeflows.get(&id).is_some_and(takes_answers) {
            return Delivered::Late;
        }
        self.push_input(id, entry(event, None), now);
        self.applied(Some(id), Vec::new(), None)
    }

    fn deliver_by(
        &mut self,
        key: &[u8; 16],
        owner: Option<&Start>,
        sides: &[Start],
        event: &Deliver,
        now: Timestamp,
    ) -> Delivered {
        let mut started = Vec::new();
        let mut to = None;
        let mut known = false;
        let mut claimed = None;
        let copy =
            event.single_use.is_some_and(|single_use| owner.is_some() && self.is_copy(key, single_use));
        if copy {
            // The owner does not get it: a start is no input.
        } else if let Some(owner_id) = self.owners.get(key).copied() {
            if owner.is_some() || self.hears(owner_id, &event.kind) {
                let entry = entry(event, owner);
                if !event.always_fits && !self.fits(owner_id, &entry) {
                    return Delivered::InboxFull { owner: owner_id };
                }
                self.push_input(owner_id, entry, now);
                to = Some(owner_id);
            }
        } else if let Some(start) = owner {
            let eager = event.eager.filter(|token| self.claims_eagerly(*token));
            if self.create(start, true, &event.input, eager, now) {
                claimed = eager.map(|_| now);
                started.push(start.id);
                to = Some(start.id);
                if event.single_use.is_some() {
                    self.used.insert(*key, now);
                }
            } else {
                known = true;
            }
        }
        for start in sides {
            if self.create(start, false, &event.input, None, now) {
                started.push(start.id);
            } else {
                known = true;
            }
        }
        match (to, started.is_empty()) {
            (None, true) if copy => Delivered::Copy,
            (None, true) if known => Delivered::Duplicate,
            (None, true) => Delivered::Unmatched,
            _ => self.applied(to, started, claimed),
        }
    }

    fn is_copy(&self, key: &[u8; 16], SingleUse { dated }: SingleUse) -> bool {
        self.owners.contains_key(key)
            || self.used.get(key).is_some_and(|used| dated.unwrap_or_default() <= *used)
    }

    /// Whether a new activeflow may be claimed at once: nothing else is ready, and the worker lives.
    fn claims_eagerly(&self, token: Token) -> bool {
        self.lanes.resumed.is_empty() && self.lanes.fresh.is_empty() && !self.dead.contains_key(&token.worker)
    }

    /// The activeflow that an earlier call with the same token started and claimed.
    fn claimed_before(&self, event: &Deliver) -> Option<ActiveflowId> {
        let Destination::Reference { owner: Some(start), .. } = &event.to else { return None };
        let record = &self.activeflows.get(&start.id)?.record;
        let is_claimed = record.state == State::Claimed && record.token == Some(event.eager?);
        is_claimed.then_some(start.id)
    }

    fn applied(
        &self,
        to: Option<ActiveflowId>,
        started: Vec<ActiveflowId>,
        claimed: Option<Timestamp>,
    ) -> Delivered {
        let backlog = (self.lanes.resumed.len() + self.lanes.fresh.len()) as u64;
        Delivered::Applied { to, started, backlog, claimed }
    }

    pub(super) fn hears(&self, id: ActiveflowId, kind: &str) -> bool {
        self.activeflows.get(&id).is_some_and(|activeflow| activeflow.record.spec.hears(kind))
    }

    /// Whether the inbox and the early inputs leave room for another entry.
    fn fits(&self, id: ActiveflowId, entry: &Entry) -> bool {
        self.activeflows.get(&id).is_some_and(|activeflow| {
            let Record { early, inbox_bytes, .. } = &activeflow.record;
            activeflow.inbox.len() + usize::from(early.count) < INBOX_ENTRIES
                && *inbox_bytes as usize + early.bytes as usize + entry.to_bytes().len() <= INBOX_BYTES
        })
    }

    /// Starts an activeflow with its trigger, and claims it under `eager`. Returns false, and changes nothing, if the id exists.
    pub(super) fn create(
        &mut self,
        start: &Start,
        owner: bool,
        trigger: &[u8],
        eager: Option<Token>,
        now: Timestamp,
    ) -> bool {
        if self.activeflows.contains_key(&start.id) {
            return false;
        }
        let record = Record::new(start, owner, now);
        if owner {
            self.owners.insert(reference_key(&record.spec.reference), start.id);
        }
        self.index.entry(record.spec.customer_id.clone()).or_default().insert((now, start.id));
        let activeflow = ActiveflowEntry {
            record,
            trigger: trigger.to_vec(),
            inbox: VecDeque::from([Entry::Trigger]),
            outbox: Vec::new(),
            control: None,
            journal: BoundedLog::default(),
            claimed_at: Timestamp::default(),
            number: self.started,
            place: 0,
            fresh: true,
            bytes: 0,
        };
        self.started += 1;
        self.activeflows.insert(start.id, activeflow);
        match eager {
            Some(token) => _ = self.take_one(start.id, token, now),
            None => self.enqueue(start.id),
        }
        self.note(start.id, FeedKind::Created, now, Vec::new());
        true
    }
}

fn entry(event: &Deliver, start: Option<&Start>) -> Entry {
    Entry::Event { kind: event.kind.clone(), input: event.input.clone(), start: start.map(Start::to_bytes) }
}
