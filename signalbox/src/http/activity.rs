//! What each open connection of a listener does at the moment.

use super::troubles::Counted;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// What a connection does. The first ones are closed first for a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It sends the header of a request, or has sent nothing yet.
    Header,
    /// It has had its response.
    Idle,
    /// Its client does not read the response.
    Stalled,
    /// A request is in progress, or a stream.
    Busy,
}

/// The state of a connection, which its parts share.
pub struct Activity {
    phase: AtomicU8,
    is_stalled: AtomicBool,
    /// Cancelled to make room for another connection.
    evicted: CancellationToken,
}

impl Activity {
    fn new() -> Activity {
        Activity {
            phase: AtomicU8::new(Phase::Header as u8),
            is_stalled: AtomicBool::new(false),
            evicted: CancellationToken::new(),
        }
    }

    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Header,
            1 => Phase::Idle,
            _ if self.is_stalled.load(Ordering::Relaxed) => Phase::Stalled,
            _ => Phase::Busy,
        }
    }

    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Waits until the connection must make room for another one.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    pub fn stall(&self, is_stalled: bool) {
        self.is_stalled.store(is_stalled, Ordering::Relaxed);
    }
}

/// The open connections of a listener, by age.
#[derive(Default)]
pub struct Connections(Mutex<BTreeMap<u64, Arc<Activity>>>);

/// An open connection; it leaves the list on drop.
pub struct Registered {
    number: u64,
    activity: Arc<Activity>,
    connections: Arc<Connections>,
    _counted: Counted,
    _slot: OwnedSemaphorePermit,
}

impl Connections {
    pub fn add(
        self: &Arc<Self>,
        number: u64,
        listener: &'static str,
        slot: OwnedSemaphorePermit,
    ) -> Registered {
        let activity = Arc::new(Activity::new());
        self.open().insert(number, activity.clone());
        Registered {
            number,
            activity,
            connections: self.clone(),
            _counted: Counted::new(listener),
            _slot: slot,
        }
    }

    /// Closes the oldest connection that has no request in progress. Strangers, which never had a response, go first.
    pub fn evict(&self) -> bool {
        let open = self.open();
        let candidates = open.iter().filter(|(_, activity)| !activity.evicted.is_cancelled());
        let first = candidates.map(|(number, activity)| (activity.phase(), *number)).min();
        let Some((phase, number)) = first else { return false };
        if phase == Phase::Busy {
            return false;
        }
        if let Some(activity) = open.get(&number) {
            activity.evicted.cancel();
        }
        true
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Activity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registered {
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}

/// A request in progress, until its response is sent.
pub struct InProgress(Arc<Activity>);

impl InProgress {
    pub fn new(activity: Arc<Activity>) -> InProgress {
        activity.enter(Phase::Busy);
        InProgress(activity)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}
