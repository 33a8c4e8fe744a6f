//! Detection of dead members, by this scheduler's own clock over its own successful heartbeats. A dead member is removed
//! from the member list only after every shard was swept for it, so that no replica forgets it too early.

use crate::config::Config;
use crate::metrics;
use crate::ports::Ports;
use crate::reconciler::{Reconciler, Tick};
use crate::shared::Shared;
use async_trait::async_trait;
use common::StoreError;
use common::heartbeat::Heartbeat;
use common::member::{FailureDetector, Member, MemberId, Role};
use std::sync::atomic::Ordering;
use std::time::Duration;

pub struct Workers<'a> {
    heartbeat: Heartbeat,
    detector: FailureDetector,
    shared: &'a Shared,
    lease: Duration,
    /// Time without an answered heartbeat after which the observations of this scheduler prove nothing.
    max_gap: Duration,
    /// Time of the last answered heartbeat.
    answered_at: Option<Duration>,
}

impl<'a> Workers<'a> {
    pub fn new(id: MemberId, config: &Config, shared: &'a Shared) -> Workers<'a> {
        Workers {
            heartbeat: Heartbeat::new(id, Role::Scheduler, &config.instance),
            detector: FailureDetector::default(),
            shared,
            lease: config.lease,
            max_gap: (config.lease / 2).max(config.heartbeat_interval * 5 / 2),
            answered_at: None,
        }
    }

    /// The members that are dead by the member list of one heartbeat, answered at `now`.
    fn detect_dead(&mut self, members: &[Member], now: Duration) -> Vec<MemberId> {
        if self.answered_at.is_some_and(|at| now.saturating_sub(at) > self.max_gap) {
            self.detector.forget();
        }
        self.answered_at = Some(now);
        self.detector.observe(members, now, self.lease)
    }
}

#[async_trait]
impl Reconciler for Workers<'_> {
    fn name(&self) -> &'static str {
        "workers"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        let swept = self.shared.pending_sweeps.completed();
        let generation = self.shared.generation.load(Ordering::Relaxed);
        let Some(members) = self.heartbeat.heartbeat(&*ports.members, generation, &swept).await else {
            return Ok(Tick::default());
        };
        self.shared.pending_sweeps.remove(&swept);
        let dead = self.detect_dead(&members, ports.clock.monotonic());
        let shards = self.shared.wakeups.keys().copied().collect();
        let new = self.shared.pending_sweeps.add(&dead, &shards);
        for member in members.iter().filter(|member| new.contains(&member.id)) {
            metrics::died();
            let Member { id, role, instance, .. } = member;
            tracing::warn!(member_id = %id, %role, instance, "Member is dead: no heartbeat within the lease");
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
    use crate::pending_sweeps::PendingSweeps;
    use common::Shard;
    use std::collections::BTreeSet;

    #[test]
    fn the_dead_are_gone_only_when_every_shard_was_swept() {
        let (shards, id) = (BTreeSet::from([Shard(0), Shard(1)]), MemberId::from(1));
        let pending_sweeps = PendingSweeps::default();
        assert_eq!(pending_sweeps.add(&[id], &shards), vec![id]);
        assert!(pending_sweeps.add(&[id], &shards).is_empty());
        pending_sweeps.swept(Shard(0), &[id]);
        assert!(pending_sweeps.completed().is_empty());
        assert_eq!((pending_sweeps.of(Shard(0)), pending_sweeps.of(Shard(1))), (vec![], vec![id]));
        pending_sweeps.swept(Shard(1), &[id]);
        assert_eq!(pending_sweeps.completed(), vec![id]);
        pending_sweeps.remove(&[id]);
        assert!(pending_sweeps.completed().is_empty());
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
        let silent = Member {
            id,
            role: Role::Executor,
            instance: String::new(),
            heartbeats: 7,
            generation: 0,
            formats: (1, 1),
            consuming: None,
        };
        let members = [silent];
        assert!(workers.detect_dead(&members, Duration::ZERO).is_empty());
        assert!(workers.detect_dead(&members, 30 * second).is_empty());
        for at in 31..=40 {
            assert!(workers.detect_dead(&members, at * second).is_empty());
        }
        assert_eq!(workers.detect_dead(&members, 41 * second), vec![id]);
    }
}
