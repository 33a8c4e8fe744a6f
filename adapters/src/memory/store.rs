//! The store: operations run on the model one at a time, under a lock.

use super::limits::Limits;
use super::model::Model;
use super::persistence::{ChangeTracker, NoPersistence, Persistence};
use super::time::{ManualTime, Time};
use super::wakeups::Wakeup;
use common::ports::lookup::ActiveflowSnapshot;
use common::{ActiveflowId, Shard, StoreError};
use flow::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// The state store: the model behind the ports.
pub struct Store<P = NoPersistence> {
    model: Mutex<Model>,
    time: Time,
    pub(super) ready: broadcast::Sender<Shard>,
    pub(super) due: broadcast::Sender<Shard>,
    pub(crate) persistence: P,
}

impl Store {
    pub fn new(shards: u16, limits: Limits, time: ManualTime) -> Store {
        Store::over(Model::new(shards, limits), Time::Manual(time), NoPersistence)
    }
}

impl Store<ChangeTracker> {
    pub fn tracked(shards: u16, limits: Limits, time: ManualTime) -> Store<ChangeTracker> {
        Store::over(Model::new(shards, limits), Time::Manual(time), ChangeTracker::default())
    }

    /// Returns the activeflows that changed since the last call, as they are now; `None` for a removed one.
    pub fn take_changed(&self) -> Vec<(ActiveflowId, Option<ActiveflowSnapshot>)> {
        let changed = self.persistence.take();
        let model = self.lock();
        changed.into_iter().map(|id| (id, model.find(id))).collect()
    }
}

impl<P: Persistence> Store<P> {
    pub(crate) fn over(model: Model, time: Time, persistence: P) -> Store<P> {
        Store {
            model: Mutex::new(model),
            time,
            ready: broadcast::channel(1_024).0,
            due: broadcast::channel(1_024).0,
            persistence,
        }
    }

    /// Returns all activeflows: by shard, then by id.
    pub fn everything(&self) -> Vec<ActiveflowSnapshot> {
        self.lock().everything()
    }

    /// # Errors
    /// The first activeflow whose record and indexes disagree.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.lock().check_invariants()
    }

    /// Runs one operation at the store's time, sends its wakeups, and waits until its changes are written.
    pub(crate) async fn run<T>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&mut Model, Timestamp) -> T,
    ) -> Result<T, StoreError> {
        self.persistence.admit(name)?;
        let (answer, written) = self.apply(operation);
        self.persistence.wait(name, written).await?;
        Ok(answer)
    }

    fn apply<T>(&self, operation: impl FnOnce(&mut Model, Timestamp) -> T) -> (T, P::Written) {
        let mut model = self.lock();
        let answer = operation(&mut model, self.time.now());
        let written = self.persistence.write(&mut model);
        for wakeup in model.take_wakeups() {
            // Without a listener a wakeup is lost; every listener also polls.
            let _ = match wakeup {
                Wakeup::Ready(shard) => self.ready.send(shard),
                Wakeup::Due(shard) => self.due.send(shard),
            };
        }
        (answer, written)
    }

    /// Microseconds by which the store's time is ahead of the wall clock; negative if it is behind.
    pub fn ahead_us(&self) -> i64 {
        self.time.ahead_us()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::member::{Member, MemberId, Role};
    use common::ports::catalogue::{Publication, RouteTransition};
    use common::ports::intake::{Deliver, Destination};
    use common::ports::{Catalogue, Intake, Members, Upkeep};
    use common::{ActiveflowId, EventKey};
    use flow::Definitions;
    use flow::route::WindowTransition;

    #[test]
    fn check_invariants_covers_every_shard() {
        let store = Store::new(3, Limits::default(), ManualTime::default());
        assert_eq!(store.check_invariants(), Ok(()));
        let unknown = ActiveflowId::from_bytes([9; 16]);
        store.lock().shard(Shard(2)).lanes.fresh.push_back(unknown);
        assert!(store.check_invariants().is_err());
    }

    /// The changes would pile up, because nothing takes them.
    #[tokio::test]
    async fn a_store_without_persistence_collects_no_changes() {
        let time = ManualTime::at(Timestamp::from_micros(1));
        let store = Store::new(1, Limits::default(), time.clone());
        let me = MemberId(uuid::Uuid::from_u128(1));
        let member = Member {
            id: me,
            role: Role::Executor,
            instance: "here".into(),
            heartbeats: 1,
            generation: 0,
            formats: (1, 1),
            consuming: None,
        };
        store.heartbeat(&member, &[]).await.unwrap();
        store.sweep(Shard(0), &[me]).await.unwrap();
        store
            .record_route_transition(&RouteTransition {
                route_id: "r".into(),
                transition: WindowTransition::Activated,
                at: time.now(),
            })
            .await
            .unwrap();
        let definitions = Definitions { generation: 1, ..Definitions::default() };
        store.publish(&Publication { definitions, bundles: vec![("aa".into(), vec![1])] }).await.unwrap();
        for n in 0..5 {
            let key = EventKey::of(&["default", "s", &n.to_string()]);
            store.count_attempt(Shard(0), key, n).await.unwrap();
            let to =
                Destination::Activeflow { id: ActiveflowId::from_bytes([9; 16]), realm: "default".into() };
            let late = Deliver {
                key,
                shard: Shard(0),
                generation: 0,
                to,
                kind: "command.completed".into(),
                input: vec![],
                single_use: None,
                always_fits: true,
                eager: None,
            };
            store.deliver(&late).await.unwrap();
            time.advance(Limits::default().dedup_rotation);
        }

        let mut model = store.lock();
        assert_eq!(model.members.take_changes().1.len(), 0);
        assert_eq!(model.route_transitions.take_changes().1.len(), 0);
        assert_eq!((model.bundles.take_changes().1.len(), model.published), (0, false));
        let shard = model.shard(Shard(0));
        assert_eq!(shard.dead.take_changes().1.len(), 0);
        assert_eq!(shard.attempts.take_changes().1.len(), 0);
        assert_eq!(shard.dedup.take_changes().0.len(), 0);
    }
}
