//! State store and bus without servers: the model in memory, one SQLite table behind it.

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
    /// Fixed when the folder is made.
    pub shards: u16,
    pub limits: Limits,
    /// Tests move the store's time by hand; `None` is the system's clock, which never goes back here.
    pub clock: Option<ManualTime>,
    pub bus: bus::Settings,
}

impl Settings {
    pub fn new(shards: u16) -> Settings {
        Settings { shards, limits: Limits::default(), clock: None, bus: bus::Settings::default() }
    }
}

/// What lives in a data folder, which this process has for itself.
pub struct Folder {
    pub store: Arc<Store>,
    pub bus: Bus,
}

/// Opens or makes the data folder `dir`.
///
/// # Errors
/// Another process has it, it cannot be used, or a record of it cannot be read: it is of a newer version, or damaged.
pub fn open(dir: &Path, settings: &Settings) -> Result<Folder, OpenError> {
    let mut store = Recovery::new(settings.shards, settings.limits);
    let mut of_bus = Vec::new();
    let mut unreadable = None;
    let disk = Disk::open(dir, |key, value| {
        let read = match key.first() {
            Some(b's') => store.record(key, value),
            Some(b'b') => {
                of_bus.push((key.to_vec(), value.to_vec()));
                Ok(())
            }
            _ => Err(Unreadable::Damaged { what: "it belongs to no part of this version".into() }),
        };
        if let (Err(why), None) = (read, &unreadable) {
            unreadable = Some(OpenError::record(dir, key, why));
        }
    })?;
    if let Some(error) = unreadable {
        return Err(error);
    }
    let disk = Arc::new(disk);
    let bus = Bus::recover(disk.clone(), &settings.bus, of_bus)
        .map_err(|error| OpenError::Unusable { dir: dir.to_owned(), reason: error.to_string() })?;
    let store = Store::recovered(store, disk, settings.clock.clone());
    Ok(Folder { store: Arc::new(store), bus })
}
