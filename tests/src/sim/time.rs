//! Virtual time: it stands still while any task can run, and jumps to the next timer when none can.

use crate::rng::Rng;
use async_trait::async_trait;
use common::ports::Clock;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[derive(Default)]
pub struct Time(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    now: Duration,
    /// By due time, then by the order in which they were set.
    timers: BTreeMap<(Duration, u64), Waker>,
    set: u64,
    pump: Option<Waker>,
}

impl Time {
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// Moves to the next timer and wakes all timers that are due then. The runtime calls it when it is idle. The pump is
    /// woken too, so that the runtime parks again even if no task waits for these timers any more.
    pub fn advance(&self) {
        let mut inner = self.lock();
        let Some((at, _)) = inner.timers.first_key_value().map(|(key, _)| *key) else { return };
        inner.now = inner.now.max(at);
        let later = inner.timers.split_off(&(at, u64::MAX));
        let due = std::mem::replace(&mut inner.timers, later);
        let pump = inner.pump.clone();
        drop(inner);
        due.into_values().chain(pump).for_each(Waker::wake);
    }

    /// Never resolves, and is polled whenever time moves. Runs in a task of its own.
    pub async fn pump(&self) {
        std::future::poll_fn(|context| {
            self.lock().pump = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    pub fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        Sleep { at: self.now() + duration, time: self.clone(), key: None }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Sleep {
    at: Duration,
    time: Arc<Time>,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (at, time) = (self.at, self.time.clone());
        let mut inner = time.lock();
        if inner.now >= at {
            return Poll::Ready(());
        }
        let key = *self.key.get_or_insert_with(|| {
            inner.set += 1;
            (at, inner.set)
        });
        inner.timers.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.time.lock().timers.remove(&key);
        }
    }
}

/// The clock of one process, which starts with the process.
pub struct ProcessClock {
    time: Arc<Time>,
    started: Duration,
    rng: Mutex<Rng>,
}

impl ProcessClock {
    pub fn new(time: Arc<Time>, rng: Rng) -> ProcessClock {
        ProcessClock { started: time.now(), time, rng: Mutex::new(rng) }
    }
}

#[async_trait]
impl Clock for ProcessClock {
    fn monotonic(&self) -> Duration {
        self.time.now() - self.started
    }

    async fn sleep(&self, duration: Duration) {
        self.time.sleep(duration).await;
    }

    fn draw(&self) -> uuid::Uuid {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        uuid::Uuid::from_u64_pair(rng.throw(), rng.throw())
    }
}
