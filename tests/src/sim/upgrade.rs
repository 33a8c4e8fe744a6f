//! A rolling upgrade to a release whose records have the next format. What the next release does is played here: it
//! reads both formats, and writes the newer one when everybody on the member list reads it. What this release does about it is
//! its own: it says which formats it reads, and must live with the answer `TooNew`.

use super::process::Process;
use common::ports::lookup::Found;
use common::record::{FORMAT, State};
use common::{ActiveflowId, Shard, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// What an operation reads or writes, as far as formats are concerned.
#[derive(Clone, Copy, Debug)]
pub enum Touch {
    Nothing,
    One(ActiveflowId),
    /// The owner of a reference.
    Owner([u8; 16]),
    /// Whatever of a shard can move.
    Shard(Shard),
}

/// The records that are written in the next format.
#[derive(Default)]
pub struct Upgrade(Mutex<BTreeSet<ActiveflowId>>);

impl Upgrade {
    /// Whether `process` may read what it is about to touch.
    ///
    /// # Errors
    /// [`StoreError::TooNew`], before anything is touched.
    pub fn admits(
        &self,
        process: &Process,
        operation: &'static str,
        touch: Touch,
        last: &BTreeMap<ActiveflowId, Found>,
        shards: u16,
    ) -> Result<(), StoreError> {
        let newer = super::world::lock(&self.0);
        if process.reads() > FORMAT || newer.is_empty() {
            return Ok(());
        }
        let meets = match touch {
            Touch::Nothing => false,
            Touch::One(id) => newer.contains(&id),
            Touch::Owner(key) => last.values().any(|found| {
                let record = &found.record;
                let over = [State::Ended, State::Quarantined].contains(&record.state);
                let owns = common::identity::reference_key(&record.spec.reference) == key;
                owns && record.owner && !over && newer.contains(&found.id)
            }),
            Touch::Shard(shard) => last.values().any(|found| {
                found.id.shard(shards) == shard
                    && found.record.state != State::Ended
                    && newer.contains(&found.id)
            }),
        };
        if meets {
            Err(StoreError::TooNew { operation, found: FORMAT + 1, supported: FORMAT })
        } else {
            Ok(())
        }
    }

    /// `process` wrote these.
    pub fn written(&self, process: &Process, ids: impl IntoIterator<Item = ActiveflowId>) {
        let mut newer = super::world::lock(&self.0);
        for id in ids {
            if process.writes() > FORMAT {
                newer.insert(id);
            } else {
                newer.remove(&id);
            }
        }
    }
}
