//! Where this executor stands: its id among the living, and the shards that it looks after.

use crate::Executor;
use common::Shard;
use common::heartbeat::Heartbeat;
use common::member::{FailureDetector, Member, MemberId, Role, assigned};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// As of the last beat that was answered.
#[derive(Clone, Debug)]
pub struct Assignment {
    pub id: MemberId,
    pub shards: BTreeSet<Shard>,
}

/// What the claiming side sees. `None` until the first beat: who is not on the member list could not be found dead.
pub struct Membership {
    assignment: watch::Receiver<Option<Assignment>>,
    died: mpsc::UnboundedSender<MemberId>,
}

/// The beating side; a task of its own, so that work cannot starve it.
pub struct HeartbeatTask {
    executor: Arc<Executor>,
    heartbeat: Heartbeat,
    detector: FailureDetector,
    generation: u64,
    assignment: watch::Sender<Option<Assignment>>,
    died: mpsc::UnboundedReceiver<MemberId>,
}

impl Membership {
    pub fn begin(executor: Arc<Executor>) -> (Membership, HeartbeatTask) {
        let (died, deaths) = mpsc::unbounded_channel();
        let (sender, assignment) = watch::channel(None);
        let id = MemberId::draw(&*executor.ports.clock);
        let heartbeat = Heartbeat::new(id, Role::Executor, &executor.config.instance);
        let detector = FailureDetector::default();
        let task =
            HeartbeatTask { executor, heartbeat, detector, generation: 0, assignment: sender, died: deaths };
        (Membership { assignment, died }, task)
    }

    pub fn now(&self) -> Option<Assignment> {
        self.assignment.borrow().clone()
    }

    /// Waits until something about it changed.
    pub async fn changed(&mut self) {
        if self.assignment.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The store says that `id` was declared dead.
    pub fn dead(&self, id: MemberId) {
        let _ = self.died.send(id);
    }
}

impl HeartbeatTask {
    /// Beats; never returns.
    pub async fn run(&mut self) {
        let clock = self.executor.ports.clock.clone();
        let beat = self.executor.config.heartbeat_interval;
        loop {
            self.heartbeat().await;
            tokio::select! {
                biased;
                () = clock.sleep(beat) => {}
                Some(id) = self.died.recv() => self.revive(id),
            }
        }
    }

    async fn heartbeat(&mut self) {
        let Executor { ports, config, .. } = &*self.executor;
        match ports.catalogue.definitions(self.generation).await {
            Ok(Some(newer)) => self.generation = newer.generation,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "Could not look which definitions are current"),
        }
        let Some(members) = self.heartbeat.heartbeat(&*ports.members, self.generation, &[]).await else {
            return;
        };
        let silent = self.detector.observe(&members, ports.clock.monotonic(), config.lease);
        let living: Vec<Member> = members.into_iter().filter(|member| !silent.contains(&member.id)).collect();
        let id = self.heartbeat.id();
        let shards = assigned(id, Role::Executor, &living, config.shards).into_iter().collect();
        self.assignment.send_if_modified(|assignment| {
            let new = assignment.as_ref().is_none_or(|old| old.id != id || old.shards != shards);
            if new {
                tracing::info!(worker_id = %id, shards = shards.len(), of = config.shards, "Executor looks after shards");
                *assignment = Some(Assignment { id, shards });
            }
            new
        });
    }

    /// Takes a new id, unless that was done already.
    fn revive(&mut self, dead: MemberId) {
        if dead == self.heartbeat.id() {
            let id = MemberId::draw(&*self.executor.ports.clock);
            tracing::warn!(worker_id = %dead, new_worker_id = %id, "This executor was declared dead; it goes on under a new id");
            self.heartbeat = Heartbeat::new(id, Role::Executor, &self.executor.config.instance);
        }
    }
}
