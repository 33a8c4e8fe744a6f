//! The model: the whole state store in plain ordered maps, one function per operation. Other adapters are measured
//! against it, and the simulation runs on it. [`crate::embedded`] is the same with a disk behind it.

pub(crate) mod dedup;
pub(crate) mod model;
mod ports;
pub(crate) mod shard;
pub(crate) mod time;
pub(crate) mod tracked;

use common::ports::lookup::Found;
use common::ports::work::Wakeups;
use common::{ActiveflowId, Shard, StoreError};
use flow::Timestamp;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

use model::Wakeup;
pub use model::{Limits, Model};
pub use time::ManualTime;
use time::Time;

/// What becomes of the records that an operation changed.
pub trait Persistence: Send + Sync {
    /// What [`Persistence::wait`] waits for.
    type Written: Send;

    /// Whether an operation may begin.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: not now.
    fn admit(&self, operation: &'static str) -> Result<(), StoreError>;

    /// Takes what the operation changed. Called under the model's lock: the order of the calls is that of the operations.
    fn keep(&self, model: &mut Model) -> Self::Written;

    /// Resolves when that, and all that was taken before it, outlives the process.
    ///
    /// # Errors
    /// [`StoreError::Unanswered`]: it may yet come to be.
    fn wait(
        &self,
        operation: &'static str,
        written: Self::Written,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Keeps nothing: what is in memory is all there is.
pub struct NoPersistence;

impl Persistence for NoPersistence {
    type Written = ();

    fn admit(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    fn keep(&self, model: &mut Model) {
        model.forget_changes();
    }

    async fn wait(&self, _: &'static str, (): ()) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Keeps nothing, and remembers which activeflows changed until somebody asks.
#[derive(Default)]
pub struct ChangeTracker(Mutex<BTreeSet<ActiveflowId>>);

impl Persistence for ChangeTracker {
    type Written = ();

    fn admit(&self, _: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    fn keep(&self, model: &mut Model) {
        let changed = model.take_changed();
        model.forget_changes();
        self.lock().extend(changed);
    }

    async fn wait(&self, _: &'static str, (): ()) -> Result<(), StoreError> {
        Ok(())
    }
}

impl ChangeTracker {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<ActiveflowId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The model behind the ports.
pub struct Store<K = NoPersistence> {
    model: Mutex<Model>,
    time: Time,
    ready: broadcast::Sender<Shard>,
    due: broadcast::Sender<Shard>,
    pub(crate) keeper: K,
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

    /// The activeflows that changed since the last call, as they are now; `None`: forgotten.
    pub fn take_changed(&self) -> Vec<(ActiveflowId, Option<Found>)> {
        let changed = std::mem::take(&mut *self.keeper.lock());
        let model = self.lock();
        changed.into_iter().map(|id| (id, model.find(id))).collect()
    }
}

impl<K: Persistence> Store<K> {
    pub(crate) fn over(model: Model, time: Time, keeper: K) -> Store<K> {
        Store {
            model: Mutex::new(model),
            time,
            ready: broadcast::channel(1_024).0,
            due: broadcast::channel(1_024).0,
            keeper,
        }
    }

    /// Everything that is held, in the order of ids.
    pub fn everything(&self) -> Vec<Found> {
        self.lock().everything()
    }

    /// # Errors
    /// The first activeflow that is not in exactly one place.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.lock().check_invariants()
    }

    /// Runs one operation at the store's time, and wakeups what it asks to ring.
    pub(crate) async fn run<T>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&mut Model, Timestamp) -> T,
    ) -> Result<T, StoreError> {
        self.keeper.admit(name)?;
        let (answer, written) = self.apply(operation);
        self.keeper.wait(name, written).await?;
        Ok(answer)
    }

    fn apply<T>(&self, operation: impl FnOnce(&mut Model, Timestamp) -> T) -> (T, K::Written) {
        let mut model = self.lock();
        let answer = operation(&mut model, self.time.now());
        let written = self.keeper.keep(&mut model);
        for wakeup in model.take_wakeups() {
            // Nobody listening is fine: everybody also looks once a second.
            let _ = match wakeup {
                Wakeup::Ready(shard) => self.ready.send(shard),
                Wakeup::Due(shard) => self.due.send(shard),
            };
        }
        (answer, written)
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wakeups on a broadcast channel; the redis adapter wakeups the same kind.
pub(crate) struct BroadcastWakeups(pub(crate) broadcast::Receiver<Shard>);

#[async_trait::async_trait]
impl Wakeups for BroadcastWakeups {
    async fn next(&mut self) -> Shard {
        loop {
            match self.0.recv().await {
                Ok(shard) => return shard,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::member::{Member, MemberId, Role};
    use common::ports::catalogue::{Publication, RouteTransition};
    use common::ports::intake::{Deliver, To};
    use common::ports::{Catalogue, Intake, Members, Upkeep};
    use common::{ActiveflowId, EventKey};
    use flow::Definitions;
    use flow::route::WindowTransition;

    #[test]
    fn the_census_of_a_store_is_that_of_every_shard() {
        let store = Store::new(3, Limits::default(), ManualTime::default());
        assert_eq!(store.check_invariants(), Ok(()));
        let nobody = ActiveflowId::from_bytes([9; 16]);
        store.lock().shard(Shard(2)).lanes.fresh.push_back(nobody);
        assert!(store.check_invariants().is_err());
    }

    /// What nobody will ask for would only grow.
    #[tokio::test]
    async fn a_store_that_keeps_nothing_does_not_note_what_changed() {
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
            let key = EventKey::derive("default", "s", &n.to_string());
            store.count_attempt(Shard(0), key, n).await.unwrap();
            let to = To::Activeflow { id: ActiveflowId::from_bytes([9; 16]), realm: "default".into() };
            let late = Deliver {
                key,
                shard: Shard(0),
                generation: 0,
                to,
                kind: "command.completed".into(),
                input: vec![],
                always_fits: true,
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
        assert_eq!(shard.seen.take_changes().0.len(), 0);
    }
}
