//! State store and bus without servers: state in memory, stored in one SQLite table.

pub mod bus;
pub mod check;
mod describe;
pub mod disk;
#[cfg(test)]
mod fuzz;
mod memory_mark;
pub mod salvage;
pub mod store;
mod watch;

use crate::memory::time::Time;
use crate::memory::{Clocks, Limits, MachineClocks, ManualTime};
use describe::describe;
use disk::{Disk, OpenError, Unreadable};
use memory_mark::MemoryMark;
use std::path::Path;
use std::sync::Arc;
use store::Recovery;

pub use bus::Bus;
pub use memory_mark::MemoryUse;
pub use store::Store;

#[derive(Clone)]
pub struct Settings {
    /// Number of shards; fixed when the folder is created.
    pub shards: u16,
    pub limits: Limits,
    /// Maximum of the bytes that state and queues are counted with; above it no activeflow starts.
    pub max_memory: u64,
    /// The store's time for tests; `None` derives it from `clocks`.
    pub clock: Option<ManualTime>,
    /// Clocks of the machine.
    pub clocks: Arc<dyn Clocks>,
    pub bus: bus::Settings,
}

impl Settings {
    pub fn new(shards: u16) -> Settings {
        Settings {
            shards,
            limits: Limits::default(),
            max_memory: u64::MAX,
            clock: None,
            clocks: Arc::new(MachineClocks),
            bus: bus::Settings::default(),
        }
    }
}

/// An open data folder, locked by this process.
pub struct Folder {
    pub store: Arc<Store>,
    pub bus: Bus,
    disk: Arc<Disk>,
}

impl Folder {
    /// Writes everything to the table and closes it, whoever still holds the store or the bus: their later writes fail.
    ///
    /// # Errors
    /// The last write failed.
    pub fn close(&self) -> Result<(), String> {
        self.disk.close()
    }
}

/// Opens or creates the data folder `dir`.
///
/// # Errors
/// Another process uses the folder, it cannot be used, or a record has a newer format or is damaged: then nothing was
/// changed.
pub fn open(dir: &Path, settings: &Settings) -> Result<Folder, OpenError> {
    let mut store = Recovery::new(settings.shards, settings.limits);
    let mut bus_records = Vec::new();
    let disk = Disk::open(dir, |key, value| match key.first() {
        Some(b's') => store.record(key, value),
        Some(b'b') => {
            bus::check(key, value)?;
            bus_records.push((key.to_vec(), value.to_vec()));
            Ok(())
        }
        _ => Err(Unreadable::Damaged { what: "its key is unknown to this version".into() }),
    })
    .map_err(|error| error.described(describe))?;
    let disk = Arc::new(disk);
    let bus = Bus::recover(disk.clone(), &settings.bus, bus_records)
        .map_err(|error| OpenError::Unusable { dir: dir.to_owned(), reason: error.to_string() })?;
    let mark = Arc::new(MemoryMark::new(settings.max_memory, bus.bytes()));
    let Settings { clock, clocks, .. } = settings.clone();
    let store = Store::recovered(store, disk.clone(), mark, |newest| {
        clock.map_or_else(|| Time::even(newest, clocks), Time::Manual)
    });
    Ok(Folder { store: Arc::new(store), bus, disk })
}

#[cfg(test)]
mod tests;
