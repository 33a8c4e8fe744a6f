//! A rolling upgrade to a release whose records have the next format. The next release is simulated here: it reads both
//! formats, and writes the newer one once every member reads it. This release is the real code: it announces the formats
//! that it reads, and must handle the answer `TooNew`.

use super::process::Process;
use common::ports::lookup::ActiveflowSnapshot;
use common::record::{FORMAT, State};
use common::{ActiveflowId, Shard, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// The records that an operation reads or writes.
#[derive(Clone, Copy, Debug)]
pub enum Touch {
    Nothing,
    One(ActiveflowId),
    /// The owner of a reference.
    Owner([u8; 16]),
    /// All activeflows of a shard that can move.
    Shard(Shard),
}

/// Ids of the records that are stored in the next format.
#[derive(Default)]
pub struct Upgrade(Mutex<BTreeSet<ActiveflowId>>);

impl Upgrade {
    /// Checks that `process` can read the records that an operation touches.
    ///
    /// # Errors
    /// [`StoreError::TooNew`], before anything is touched.
    pub fn check_formats(
        &self,
        process: &Process,
        operation: &'static str,
        touch: Touch,
        last: &BTreeMap<ActiveflowId, ActiveflowSnapshot>,
        shards: u16,
    ) -> Result<(), StoreError> {
        let newer = super::simulation::lock(&self.0);
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

    /// Notes the records that `process` wrote in the next format. They keep it, whoever writes them later.
    pub fn written(&self, process: &Process, ids: impl IntoIterator<Item = ActiveflowId>) {
        if process.writes() > FORMAT {
            super::simulation::lock(&self.0).extend(ids);
        }
    }
}
