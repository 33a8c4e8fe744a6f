//! Dead members whose claims are not yet swept in every shard.

use common::Shard;
use common::member::MemberId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The dead members, each with the shards that are still to be swept for it.
#[derive(Debug, Default)]
pub struct PendingSweeps(Mutex<BTreeMap<MemberId, BTreeSet<Shard>>>);

impl PendingSweeps {
    /// Adds the members that are newly dead, and returns them.
    pub fn add(&self, dead: &[MemberId], shards: &BTreeSet<Shard>) -> Vec<MemberId> {
        let mut pending = self.lock();
        let new: Vec<MemberId> = dead.iter().filter(|id| !pending.contains_key(id)).copied().collect();
        pending.extend(new.iter().map(|id| (*id, shards.clone())));
        new
    }

    /// The members for which `shard` is still to be swept.
    pub fn of(&self, shard: Shard) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.contains(&shard)).map(|(id, _)| *id).collect()
    }

    /// Marks `shard` as swept for `dead`.
    pub fn swept(&self, shard: Shard, dead: &[MemberId]) {
        let mut pending = self.lock();
        for id in dead {
            if let Some(left) = pending.get_mut(id) {
                left.remove(&shard);
            }
        }
    }

    /// The members for which every shard was swept.
    pub fn completed(&self) -> Vec<MemberId> {
        self.lock().iter().filter(|(_, left)| left.is_empty()).map(|(id, _)| *id).collect()
    }

    /// Removes members that are no longer in the member list.
    pub fn remove(&self, removed: &[MemberId]) {
        self.lock().retain(|id, _| !removed.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<MemberId, BTreeSet<Shard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
