//! Where this executor stands: its id among the living, and the shards that it looks after.

use crate::Executor;
use common::Shard;
use common::member::{Member, MemberId, Role, Roll, assigned};
use common::pulse::Pulse;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// As of the last beat that was answered.
#[derive(Clone, Debug)]
pub struct Enrolled {
    pub id: MemberId,
    pub shards: BTreeSet<Shard>,
}

/// What the claiming side sees. `None` until the first beat: who is not on the roll could not be found dead.
pub struct Standing {
    enrolled: watch::Receiver<Option<Enrolled>>,
    died: mpsc::UnboundedSender<MemberId>,
}

/// The beating side; a task of its own, so that work cannot starve it.
pub struct Keeper {
    executor: Arc<Executor>,
    pulse: Pulse,
    roll: Roll,
    generation: u64,
    enrolled: watch::Sender<Option<Enrolled>>,
    died: mpsc::UnboundedReceiver<MemberId>,
}

impl Standing {
    pub fn begin(executor: Arc<Executor>) -> (Standing, Keeper) {
        let (died, deaths) = mpsc::unbounded_channel();
        let (sender, enrolled) = watch::channel(None);
        let id = MemberId::draw(&*executor.ports.clock);
        let pulse = Pulse::new(id, Role::Executor, &executor.config.place);
        let roll = Roll::default();
        let keeper = Keeper { executor, pulse, roll, generation: 0, enrolled: sender, died: deaths };
        (Standing { enrolled, died }, keeper)
    }

    pub fn now(&self) -> Option<Enrolled> {
        self.enrolled.borrow().clone()
    }

    /// Waits until something about it changed.
    pub async fn changed(&mut self) {
        if self.enrolled.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The store says that `id` was declared dead.
    pub fn dead(&self, id: MemberId) {
        let _ = self.died.send(id);
    }
}

impl Keeper {
    /// Beats; never returns.
    pub async fn keep(&mut self) {
        let clock = self.executor.ports.clock.clone();
        let beat = self.executor.config.beat;
        loop {
            self.beat().await;
            tokio::select! {
                biased;
                () = clock.sleep(beat) => {}
                Some(id) = self.died.recv() => self.revive(id),
            }
        }
    }

    async fn beat(&mut self) {
        let Executor { ports, config, .. } = &*self.executor;
        match ports.catalogue.definitions(self.generation).await {
            Ok(Some(newer)) => self.generation = newer.generation,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "Could not look which definitions are current"),
        }
        let Some(roll) = self.pulse.beat(&*ports.members, self.generation, &[]).await else {
            return;
        };
        let silent = self.roll.observe(&roll, ports.clock.monotonic(), config.lease);
        let living: Vec<Member> = roll.into_iter().filter(|member| !silent.contains(&member.id)).collect();
        let id = self.pulse.id();
        let shards = assigned(id, Role::Executor, &living, config.shards).into_iter().collect();
        self.enrolled.send_if_modified(|enrolled| {
            let new = enrolled.as_ref().is_none_or(|old| old.id != id || old.shards != shards);
            if new {
                tracing::info!(worker_id = %id, shards = shards.len(), of = config.shards, "Executor looks after shards");
                *enrolled = Some(Enrolled { id, shards });
            }
            new
        });
    }

    /// Takes a new id, unless that was done already.
    fn revive(&mut self, dead: MemberId) {
        if dead == self.pulse.id() {
            let id = MemberId::draw(&*self.executor.ports.clock);
            tracing::warn!(worker_id = %dead, new_worker_id = %id, "This executor was declared dead; it goes on under a new id");
            self.pulse = Pulse::new(id, Role::Executor, &self.executor.config.place);
        }
    }
}
