//! The store without a server: the model of [`crate::memory`], whose every operation writes the records that it changed
//! to the table of the data folder, and answers when they are on the disk.
//!
//! ```text
//! operation ──► model (under its lock) ──► changes.rs: what changed ──► disk.write ──► durable ──► the answer
//! opening   ──► every record ──► recovery.rs ──► model with its indexes
//! ```
//! Reads and refusals wait too: what they rest on is on the disk before anybody learns of it.

mod changes;
mod keys;
mod records;
mod recovery;

use super::disk::{Change, Disk, Written};
use crate::memory::model::Model;
use crate::memory::time::Time;
use crate::memory::{self, ManualTime, Persistence};
use common::member::MemberId;
use common::ports::{Members, Upkeep};
use common::{Shard, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use recovery::Recovery;

/// The model with a disk behind it.
pub type Store = memory::Store<OnDisk>;

pub struct OnDisk {
    disk: Arc<Disk>,
}

impl Persistence for OnDisk {
    type Written = Written;

    /// While the disk refuses, nothing begins: what was begun waits in memory, and that must not grow.
    fn admit(&self, operation: &'static str) -> Result<(), StoreError> {
        match self.disk.trouble() {
            Some(reason) => Err(StoreError::Refused { operation, reason }),
            None => Ok(()),
        }
    }

    fn write(&self, model: &mut Model) -> Written {
        self.disk.write(changes::take(model))
    }

    async fn wait(&self, operation: &'static str, written: Written) -> Result<(), StoreError> {
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

    /// Why the disk does not take writes; `None` while all is well.
    pub fn trouble(&self) -> Option<String> {
        self.persistence.disk.trouble()
    }

    /// Writes, and answers how long it took until that was on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        const OPERATION: &str = "ping";
        let begun = Instant::now();
        self.persistence.admit(OPERATION)?;
        let shards = common::ports::Intake::shards(self);
        self.persistence.wait(OPERATION, self.persistence.disk.write([store_record(shards)])).await?;
        Ok(begun.elapsed())
    }

    /// Whoever is on the member list or holds a claim lived in an earlier life of this folder, which one process has at a time:
    /// what they held becomes ready at once, under the usual suspicion. Called before anything of this life begins.
    /// Answers how many activeflows that were.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn bury_earlier_lives(&self) -> Result<u32, StoreError> {
        let holders = |model: &mut Model, _| -> Vec<(Shard, Vec<MemberId>)> {
            model.shards.iter().map(|shard| (shard.id, shard.holders().into_iter().collect())).collect()
        };
        let mut freed = 0;
        for (shard, dead) in self.run("bury", holders).await? {
            while !dead.is_empty() {
                let swept = self.sweep(shard, &dead).await?;
                freed += swept.suspects;
                if swept.suspects == 0 || !swept.more {
                    break;
                }
            }
        }
        // Their calls are over, so nobody asks again for what one of them claimed.
        let forget = |model: &mut Model, _| {
            model.shards.iter_mut().for_each(|shard| shard.nonces.retain(|_, _| false))
        };
        self.run("bury", forget).await?;
        for member in self.members().await? {
            self.leave(member.id).await?;
        }
        Ok(freed)
    }
}

fn store_record(shards: u16) -> Change {
    Change::Put { key: keys::Key::Store.to_bytes(), value: records::bytes(&[&shards.to_be_bytes()]) }
}
