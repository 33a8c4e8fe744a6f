//! A store whose process is killed between any two calls: its folder is copied as it is at that moment and opened again, and
//! the caller continues there. The clock keeps running; wakeups are lost.

use adapters::embedded::{self, Settings, Store};
use common::ports::StateStore;
use common::ports::intercepted::Interceptor;
use std::sync::{Arc, Mutex};
use tests::support::folder::Folder;

pub struct Killed {
    settings: Settings,
    running: Mutex<(Folder, Arc<Store>)>,
}

impl Killed {
    pub fn new(settings: Settings) -> Killed {
        let folder = Folder::new();
        let store = embedded::open(folder.path(), &settings).unwrap().store;
        Killed { settings, running: Mutex::new((folder, store)) }
    }
}

impl Interceptor for Killed {
    /// Opens a copy of the folder. Whatever the killed store still writes goes to the old folder, which nothing reads.
    fn store(&self) -> Arc<dyn StateStore> {
        let mut running = self.running.lock().unwrap();
        let folder = running.0.copy();
        let store = embedded::open(folder.path(), &self.settings).unwrap().store;
        *running = (folder, store.clone());
        store
    }
}
