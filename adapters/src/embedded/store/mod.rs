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
use crate::memory::model::Model;
use crate::memory::time::Time;
use crate::memory::{self, ManualTime, Persistence};
use common::member::MemberId;
use common::ports::{Members, Upkeep};
use common::{Shard, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use recovery::Recovery;

/// The in-memory model, stored on disk.
pub type Store = memory::Store<OnDisk>;

pub struct OnDisk {
    disk: Arc<Disk>,
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

    fn write(&self, model: &mut Model) -> PendingWrite {
        self.disk.write(changes::take(model))
    }

    async fn wait(&self, operation: &'static str, written: PendingWrite) -> Result<(), StoreError> {
        written.durable().await.map_err(|error| StoreError::Unanswered { operation, reason: error.reason })
    }
}

impl Store {
    pub(super) fn recovered(recovery: Recovery, disk: Arc<Disk>, clock: Option<ManualTime>) -> Store {
        let (model, newest, found) = recovery.finish();
        if !found {
            disk.write([store_record(model.shards())]);
        }
        let time = clock.map_or_else(|| Time::system(newest), Time::Manual);
        Store::over(model, time, OnDisk { disk })
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

fn store_record(shards: u16) -> Change {
    Change::Put { key: keys::Key::Store.to_bytes(), value: records::bytes(&[&shards.to_be_bytes()]) }
}
