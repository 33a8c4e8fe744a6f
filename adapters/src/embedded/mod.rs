//! State store and bus without servers: state in memory, stored in one SQLite table.

pub mod bus;
pub mod disk;
pub mod store;

use crate::memory::{Limits, ManualTime};
use disk::{Disk, OpenError, Unreadable};
use std::path::Path;
use std::sync::Arc;
use store::Recovery;

pub use bus::Bus;
pub use store::Store;

#[derive(Clone)]
pub struct Settings {
    /// Number of shards; fixed when the folder is created.
    pub shards: u16,
    pub limits: Limits,
    /// Clock for tests; `None` uses the system clock, made monotonic.
    pub clock: Option<ManualTime>,
    pub bus: bus::Settings,
}

impl Settings {
    pub fn new(shards: u16) -> Settings {
        Settings { shards, limits: Limits::default(), clock: None, bus: bus::Settings::default() }
    }
}

/// An open data folder, locked by this process.
pub struct Folder {
    pub store: Arc<Store>,
    pub bus: Bus,
}

/// Opens or creates the data folder `dir`.
///
/// # Errors
/// Another process uses the folder, it cannot be used, or a record has a newer format or is damaged.
pub fn open(dir: &Path, settings: &Settings) -> Result<Folder, OpenError> {
    let mut store = Recovery::new(settings.shards, settings.limits);
    let mut bus_records = Vec::new();
    let mut unreadable = None;
    let disk = Disk::open(dir, |key, value| {
        let read = match key.first() {
            Some(b's') => store.record(key, value),
            Some(b'b') => {
                bus_records.push((key.to_vec(), value.to_vec()));
                Ok(())
            }
            _ => Err(Unreadable::Damaged { what: "its key is unknown to this version".into() }),
        };
        if let (Err(why), None) = (read, &unreadable) {
            unreadable = Some(OpenError::record(dir, key, why));
        }
    })?;
    if let Some(error) = unreadable {
        return Err(error);
    }
    let disk = Arc::new(disk);
    let bus = Bus::recover(disk.clone(), &settings.bus, bus_records)
        .map_err(|error| OpenError::Unusable { dir: dir.to_owned(), reason: error.to_string() })?;
    let store = Store::recovered(store, disk, settings.clock.clone());
    Ok(Folder { store: Arc::new(store), bus })
}
