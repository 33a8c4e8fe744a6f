//! Membership of this executor: its id in the member list, and the shards assigned to it.

use crate::executor::Executor;
use common::Shard;
use common::heartbeat::Heartbeat;
use common::member::{FailureDetector, Member, MemberId, Role, assigned};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Id and shards of this executor, as of the last heartbeat that the store answered.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub id: MemberId,
    pub shards: Arc<BTreeSet<Shard>>,
}

/// The claim loop's view of the membership. The assignment is `None` until the first heartbeat: a worker that is not on
/// the member list could not be found dead, so it must not claim.
pub struct Membership {
    assignment: watch::Receiver<Option<Assignment>>,
    deaths: mpsc::UnboundedSender<MemberId>,
}

/// Sends heartbeats. A task of its own, so that work cannot starve it.
pub struct HeartbeatTask {
    executor: Arc<Executor>,
    heartbeat: Heartbeat,
    detector: FailureDetector,
    generation: u64,
    assignment: watch::Sender<Option<Assignment>>,
    deaths: mpsc::UnboundedReceiver<MemberId>,
}

impl Membership {
    pub fn begin(executor: Arc<Executor>) -> (Membership, HeartbeatTask) {
        let (deaths, died) = mpsc::unbounded_channel();
        let (sender, assignment) = watch::channel(None);
        let id = MemberId::draw(&*executor.ports.clock);
        let heartbeat = Heartbeat::new(id, Role::Executor, &executor.config.instance);
        let detector = FailureDetector::default();
        let task =
            HeartbeatTask { executor, heartbeat, detector, generation: 0, assignment: sender, deaths: died };
        (Membership { assignment, deaths }, task)
    }

    pub fn current(&self) -> Option<Assignment> {
        self.assignment.borrow().clone()
    }

    /// Waits until the assignment changes.
    pub async fn changed(&mut self) {
        if self.assignment.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Reports that the store has declared `id` dead.
    pub fn declared_dead(&self, id: MemberId) {
        let _ = self.deaths.send(id);
    }
}

impl HeartbeatTask {
    /// Sends heartbeats; never returns.
    pub async fn run(&mut self) {
        let clock = self.executor.ports.clock.clone();
        let interval = self.executor.config.heartbeat_interval;
        loop {
            self.heartbeat().await;
            tokio::select! {
                biased;
                () = clock.sleep(interval) => {}
                Some(id) = self.deaths.recv() => self.renew_id(id),
            }
        }
    }

    async fn heartbeat(&mut self) {
        let Executor { ports, config, .. } = &*self.executor;
        match ports.catalogue.definitions(self.generation).await {
            Ok(Some(newer)) => self.generation = newer.generation,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "Could not check for new definitions"),
        }
        let Some(members) = self.heartbeat.heartbeat(&*ports.members, self.generation, &[]).await else {
            return;
        };
        let silent = self.detector.observe(&members, ports.clock.monotonic(), config.lease);
        let live: Vec<Member> = members.into_iter().filter(|member| !silent.contains(&member.id)).collect();
        let id = self.heartbeat.id();
        let shards: BTreeSet<Shard> =
            assigned(id, Role::Executor, &live, config.shards).into_iter().collect();
        self.assignment.send_if_modified(|assignment| {
            let new = assignment.as_ref().is_none_or(|old| old.id != id || *old.shards != shards);
            if new {
                tracing::info!(worker_id = %id, shards = shards.len(), of = config.shards, "Shards assigned to this executor");
                *assignment = Some(Assignment { id, shards: Arc::new(shards) });
            }
            new
        });
    }

    /// Takes a new id if `dead` is still the current one.
    fn renew_id(&mut self, dead: MemberId) {
        if dead == self.heartbeat.id() {
            let id = MemberId::draw(&*self.executor.ports.clock);
            tracing::warn!(worker_id = %dead, new_worker_id = %id, "This executor was declared dead; it continues under a new id");
            self.heartbeat = Heartbeat::new(id, Role::Executor, &self.executor.config.instance);
        }
    }
}
