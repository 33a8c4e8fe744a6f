//! Who is dead. Judged by this observer's own clock over its own successful beats; what the dead held is swept in every
//! shard, and only then are they struck from the member list, so that no replica forgets them too early.

use crate::driver::{Reconciler, Tick};
use crate::{Config, Ports, Shared, metrics};
use async_trait::async_trait;
use common::heartbeat::Heartbeat;
use common::member::{FailureDetector, Member, MemberId, Role};
use common::{Shard, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The dead, each with the shards that are still to be swept for it.
#[derive(Debug, Default)]
pub struct PendingSweeps(Mutex<BTreeMap<MemberId, BTreeSet<Shard>>>);

impl PendingSweeps {
    /// Adds the newly dead; returns them.
    pub fn add(&self, dead: &[MemberId], shards: &BTreeSet<Shard>) -> Vec<MemberId> {
        let mut pending_sweeps = self.lock();
        let new: Vec<MemberId> = dead.iter().filter(|id| !pending_sweeps.contains_key(id)).copied().collect();
        pending_sweeps.extend(new.iter().map(|id| (*id, shards.clone())));
        new
    }

    /// Whom a sweep of `shard` is about.
    pub fn of(&self, shard: Shard) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.contains(&shard)).map(|(id, _)| *id).collect()
    }

    /// A sweep of `shard` for `dead` left nothing.
    pub fn swept(&self, shard: Shard, dead: &[MemberId]) {
        let mut pending_sweeps = self.lock();
        for id in dead {
            if let Some(left) = pending_sweeps.get_mut(id) {
                left.remove(&shard);
            }
        }
    }

    /// Who was swept in every shard.
    pub fn gone(&self) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.is_empty()).map(|(id, _)| *id).collect()
    }

    /// The member list was struck.
    pub fn forget(&self, gone: &[MemberId]) {
        self.lock().retain(|id, _| !gone.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, BTreeSet<Shard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Workers<'a> {
    heartbeat: Heartbeat,
    detector: FailureDetector,
    shared: &'a Shared,
    lease: Duration,
    /// Without an answered beat for so long, what the member list remembers proves nothing.
    away: Duration,
    answered: Option<Duration>,
}

impl<'a> Workers<'a> {
    pub fn new(id: MemberId, config: &Config, shared: &'a Shared) -> Workers<'a> {
        Workers {
            heartbeat: Heartbeat::new(id, Role::Scheduler, &config.instance),
            detector: FailureDetector::default(),
            shared,
            lease: config.lease,
            away: (config.lease / 2).max(config.heartbeat_interval * 5 / 2),
            answered: None,
        }
    }

    fn judge(&mut self, members: &[Member], now: Duration) -> Vec<MemberId> {
        if self.answered.is_some_and(|at| now.saturating_sub(at) > self.away) {
            self.detector.forget();
        }
        self.answered = Some(now);
        self.detector.observe(members, now, self.lease)
    }
}

#[async_trait]
impl Reconciler for Workers<'_> {
    fn name(&self) -> &'static str {
        "workers"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        let gone = self.shared.pending_sweeps.gone();
        let generation = self.shared.generation.load(Ordering::Relaxed);
        let Some(members) = self.heartbeat.heartbeat(&*ports.members, generation, &gone).await else {
            return Ok(Tick::default());
        };
        self.shared.pending_sweeps.forget(&gone);
        let dead = self.judge(&members, ports.clock.monotonic());
        let shards = self.shared.wakeups.keys().copied().collect();
        let new = self.shared.pending_sweeps.add(&dead, &shards);
        for member in members.iter().filter(|member| new.contains(&member.id)) {
            metrics::died();
            let Member { id, role, instance, .. } = member;
            tracing::warn!(member_id = %id, %role, instance, "A member is dead: it has not beaten for its lease");
        }
        if !new.is_empty() {
            self.shared.notify_all();
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
        let pending_sweeps = PendingSweeps::default();
        assert_eq!(pending_sweeps.add(&[id], &shards), vec![id]);
        assert!(pending_sweeps.add(&[id], &shards).is_empty());
        pending_sweeps.swept(Shard(0), &[id]);
        assert!(pending_sweeps.gone().is_empty());
        assert_eq!((pending_sweeps.of(Shard(0)), pending_sweeps.of(Shard(1))), (vec![], vec![id]));
        pending_sweeps.swept(Shard(1), &[id]);
        assert_eq!(pending_sweeps.gone(), vec![id]);
        pending_sweeps.forget(&[id]);
        assert!(pending_sweeps.gone().is_empty());
    }

    #[test]
    fn a_scheduler_that_was_away_gives_everybody_a_new_lease() {
        let shared = Shared::new(1);
        let second = Duration::from_secs(1);
        let config = Config {
            instance: String::new(),
            shards: 1,
            lease: 10 * second,
            heartbeat_interval: second,
            poll_interval: second,
            windows_interval: second,
            depth_interval: second,
        };
        let mut workers = Workers::new(MemberId::from(1), &config, &shared);
        let id = MemberId::from(2);
        let still = Member {
            id,
            role: Role::Executor,
            instance: String::new(),
            heartbeats: 7,
            generation: 0,
            formats: (1, 1),
        };
        let members = [still];
        assert!(workers.judge(&members, Duration::ZERO).is_empty());
        assert!(workers.judge(&members, 30 * second).is_empty());
        for at in 31..=40 {
            assert!(workers.judge(&members, at * second).is_empty());
        }
        assert_eq!(workers.judge(&members, 41 * second), vec![id]);
    }
}
