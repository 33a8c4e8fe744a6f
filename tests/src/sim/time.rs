//! Virtual time: it stands still while anything can run, and jumps to the next timer when nothing can.

use crate::carrier::Dice;
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
    /// In the order in which they were set, where they are due together.
    timers: BTreeMap<(Duration, u64), Waker>,
    set: u64,
    pump: Option<Waker>,
}

impl Time {
    pub fn now(&self) -> Duration {
        self.lock().now
    }

    /// Moves to the next timer and wakes all that are due then. For the moment in which a runtime has nothing to do; where
    /// nobody cares for these any more it has still nothing to do, so the pump, too, is woken, and the next moment comes.
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

    /// Never ready, and polled at every moment; for a task of its own.
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

/// The clock of one process, which began when the process did.
pub struct ProcessClock {
    time: Arc<Time>,
    born: Duration,
    dice: Mutex<Dice>,
}

impl ProcessClock {
    pub fn new(time: Arc<Time>, dice: Dice) -> ProcessClock {
        ProcessClock { born: time.now(), time, dice: Mutex::new(dice) }
    }
}

#[async_trait]
impl Clock for ProcessClock {
    fn monotonic(&self) -> Duration {
        self.time.now() - self.born
    }

    async fn sleep(&self, duration: Duration) {
        self.time.sleep(duration).await;
    }

    fn draw(&self) -> uuid::Uuid {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        uuid::Uuid::from_u64_pair(dice.throw(), dice.throw())
    }
}
