//! Who is dead. Judged by this observer's own clock over its own successful beats; what the dead held is swept in every
//! shard, and only then are they struck from the roll, so that no replica forgets them too early.

use crate::driver::{Reconciler, Tick};
use crate::{Config, Ports, Shared, metrics};
use async_trait::async_trait;
use common::member::{Member, MemberId, Role, Roll};
use common::pulse::Pulse;
use common::{Shard, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The dead, each with the shards that are still to be swept for it.
#[derive(Debug, Default)]
pub struct Mourned(Mutex<BTreeMap<MemberId, BTreeSet<Shard>>>);

impl Mourned {
    /// Adds the newly dead; returns them.
    pub fn add(&self, dead: &[MemberId], shards: &BTreeSet<Shard>) -> Vec<MemberId> {
        let mut mourned = self.lock();
        let new: Vec<MemberId> = dead.iter().filter(|id| !mourned.contains_key(id)).copied().collect();
        mourned.extend(new.iter().map(|id| (*id, shards.clone())));
        new
    }

    /// Whom a sweep of `shard` is about.
    pub fn of(&self, shard: Shard) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.contains(&shard)).map(|(id, _)| *id).collect()
    }

    /// A sweep of `shard` for `dead` left nothing.
    pub fn swept(&self, shard: Shard, dead: &[MemberId]) {
        let mut mourned = self.lock();
        for id in dead {
            if let Some(left) = mourned.get_mut(id) {
                left.remove(&shard);
            }
        }
    }

    /// Who was swept in every shard.
    pub fn gone(&self) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.is_empty()).map(|(id, _)| *id).collect()
    }

    /// The roll was struck.
    pub fn forget(&self, gone: &[MemberId]) {
        self.lock().retain(|id, _| !gone.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, BTreeSet<Shard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Workers<'a> {
    pulse: Pulse,
    roll: Roll,
    shared: &'a Shared,
    lease: Duration,
    /// Without an answered beat for so long, what the roll remembers proves nothing.
    away: Duration,
    answered: Option<Duration>,
}

impl<'a> Workers<'a> {
    pub fn new(id: MemberId, config: &Config, shared: &'a Shared) -> Workers<'a> {
        Workers {
            pulse: Pulse::new(id, Role::Scheduler, &config.place),
            roll: Roll::default(),
            shared,
            lease: config.lease,
            away: (config.lease / 2).max(config.beat * 5 / 2),
            answered: None,
        }
    }

    fn judge(&mut self, roll: &[Member], now: Duration) -> Vec<MemberId> {
        if self.answered.is_some_and(|at| now.saturating_sub(at) > self.away) {
            self.roll.forget();
        }
        self.answered = Some(now);
        self.roll.observe(roll, now, self.lease)
    }
}

#[async_trait]
impl Reconciler for Workers<'_> {
    fn name(&self) -> &'static str {
        "workers"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        let gone = self.shared.mourned.gone();
        let generation = self.shared.generation.load(Ordering::Relaxed);
        let Some(roll) = self.pulse.beat(&*ports.members, generation, &gone).await else {
            return Ok(Tick::default());
        };
        self.shared.mourned.forget(&gone);
        let dead = self.judge(&roll, ports.clock.monotonic());
        let shards = self.shared.bells.keys().copied().collect();
        let new = self.shared.mourned.add(&dead, &shards);
        for member in roll.iter().filter(|member| new.contains(&member.id)) {
            metrics::died();
            let Member { id, role, place, .. } = member;
            tracing::warn!(member_id = %id, %role, place, "A member is dead: it has not beaten for its lease");
        }
        if !new.is_empty() {
            self.shared.ring_all();
        }
        Ok(Tick::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_are_gone_only_when_every_shard_was_swept() {
        let (shards, id) = (BTreeSet::from([Shard(0), Shard(1)]), MemberId::from(1));
        let mourned = Mourned::default();
        assert_eq!(mourned.add(&[id], &shards), vec![id]);
        assert!(mourned.add(&[id], &shards).is_empty());
        mourned.swept(Shard(0), &[id]);
        assert!(mourned.gone().is_empty());
        assert_eq!((mourned.of(Shard(0)), mourned.of(Shard(1))), (vec![], vec![id]));
        mourned.swept(Shard(1), &[id]);
        assert_eq!(mourned.gone(), vec![id]);
        mourned.forget(&[id]);
        assert!(mourned.gone().is_empty());
    }

    #[test]
    fn a_scheduler_that_was_away_gives_everybody_a_new_lease() {
        let shared = Shared::new(1);
        let second = Duration::from_secs(1);
        let config = Config {
            place: String::new(),
            shards: 1,
            lease: 10 * second,
            beat: second,
            look: second,
            windows: second,
            depth: second,
        };
        let mut workers = Workers::new(MemberId::from(1), &config, &shared);
        let id = MemberId::from(2);
        let still = Member {
            id,
            role: Role::Executor,
            place: String::new(),
            beat: 7,
            generation: 0,
            formats: (1, 1),
        };
        let roll = [still];
        assert!(workers.judge(&roll, Duration::ZERO).is_empty());
        assert!(workers.judge(&roll, 30 * second).is_empty());
        for at in 31..=40 {
            assert!(workers.judge(&roll, at * second).is_empty());
        }
        assert_eq!(workers.judge(&roll, 41 * second), vec![id]);
    }
}
