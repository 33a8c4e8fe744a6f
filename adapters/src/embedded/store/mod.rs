//! The store without a server: the model of [`crate::memory`]. Every operation writes its changed records to the data
//! folder and returns when they are on disk.
//!
//! ```text
//! operation ──► model (under its lock) ──► changes.rs: changed records ──► disk.write ──► durable ──► result
//! opening   ──► all records ──► recovery.rs ──► model with its indexes
//! ```
//! Reads and refusals wait too: the state behind every result is on disk before the caller receives it.

mod changes;
mod keys;
mod records;
mod recovery;

use super::disk::{Change, Disk, PendingWrite};
use super::memory_mark::{MemoryMark, MemoryUse};
use crate::memory::model::Model;
use crate::memory::time::Time;
use crate::memory::{self, Persistence};
use common::member::MemberId;
use common::ports::{Members, Upkeep};
use common::{Shard, StoreError};
use flow::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use keys::describe;
pub(super) use recovery::Recovery;

/// The in-memory model, stored on disk.
pub type Store = memory::Store<OnDisk>;

pub struct OnDisk {
    disk: Arc<Disk>,
    mark: Arc<MemoryMark>,
}

impl Persistence for OnDisk {
    type Written = PendingWrite;

    /// Refuses operations while the disk fails: their unwritten changes would fill the memory.
    fn admit(&self, operation: &'static str) -> Result<(), StoreError> {
        match self.disk.write_error() {
            Some(reason) => Err(StoreError::Refused { operation, reason }),
            None => Ok(()),
        }
    }

    /// Redis refuses writes above its `maxmemory` too; here only those that start something.
    fn admit_start(&self, model: &Model) -> Result<(), StoreError> {
        let full = |reason| StoreError::Full { operation: "deliver", reason };
        self.mark.admit(model.bytes()).map_err(full)
    }

    fn write(&self, model: &mut Model) -> PendingWrite {
        self.disk.write(changes::take(model))
    }

    async fn wait(&self, operation: &'static str, written: PendingWrite) -> Result<(), StoreError> {
        written.durable().await.map_err(|error| StoreError::Unanswered { operation, reason: error.reason })
    }
}

impl Store {
    /// `time` gets the last time in any record.
    pub(super) fn recovered(
        recovery: Recovery,
        disk: Arc<Disk>,
        mark: Arc<MemoryMark>,
        time: impl FnOnce(Timestamp) -> Time,
    ) -> Store {
        let (model, newest, found) = recovery.finish();
        if !found {
            disk.write([store_record(model.shards())]);
        }
        Store::over(model, time(newest), OnDisk { disk, mark })
    }

    /// Counted bytes of state and queues.
    pub fn memory(&self) -> MemoryUse {
        let state = self.lock().bytes();
        self.persistence.mark.with_state(state)
    }

    /// Error of the last failed write to disk; `None` after a successful one.
    pub fn write_error(&self) -> Option<String> {
        self.persistence.disk.write_error()
    }

    /// Writes a record, and returns the time until it was on disk.
    ///
    /// # Errors
    /// The write failed.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        const OPERATION: &str = "ping";
        let started = Instant::now();
        self.persistence.admit(OPERATION)?;
        let shards = common::ports::Intake::shards(self);
        self.persistence.wait(OPERATION, self.persistence.disk.write([store_record(shards)])).await?;
        Ok(started.elapsed())
    }

    /// Sweeps the claims of all members, without waiting for their leases: only one process uses a data folder at a time, so
    /// every stored member belongs to an earlier process. Claimed activeflows become suspects, as after any sweep. Must
    /// be called before this process registers members. Returns the number of suspects.
    ///
    /// # Errors
    /// The write failed.
    pub async fn sweep_previous_processes(&self) -> Result<u32, StoreError> {
        let holders = |model: &mut Model, _| -> Vec<(Shard, Vec<MemberId>)> {
            model.shards.iter().map(|shard| (shard.id, shard.holders().into_iter().collect())).collect()
        };
        let mut suspects = 0;
        for (shard, dead) in self.run("sweep_previous_processes", holders).await? {
            while !dead.is_empty() {
                let swept = self.sweep(shard, &dead).await?;
                suspects += swept.suspects;
                if swept.suspects == 0 || !swept.more {
                    break;
                }
            }
        }
        // The callers no longer exist, so no claim will be repeated.
        let forget_nonces = |model: &mut Model, _| {
            model.shards.iter_mut().for_each(|shard| shard.nonces.retain(|_, _| false))
        };
        self.run("sweep_previous_processes", forget_nonces).await?;
        for member in self.members().await? {
            self.leave(member.id).await?;
        }
        Ok(suspects)
    }
}

/// Key of the record with the number of shards.
pub(super) const SHARDS_KEY: &[u8] = b"s";

/// The number of shards in that record.
pub(super) fn shards(record: &[u8]) -> Option<u16> {
    records::open(record).ok()?.shard().map(|shard| shard.0)
}

fn store_record(shards: u16) -> Change {
    Change::Put { key: keys::Key::Store.to_bytes(), value: records::bytes(&[&shards.to_be_bytes()]) }
}
