//! Wrong keys: the answer is delayed, and the log names the address that sent them.

use crate::problem::Problem;
use axum::http::StatusCode;
use common::ports::Clock;
use metrics::{counter, describe_counter};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

const WRONG_KEYS: &str = "signalbox_api_wrong_keys_total";
/// Delay of the answer to a wrong key.
const DELAY: Duration = Duration::from_millis(500);
/// Maximum number of delayed answers; further wrong keys are refused at once.
const MAX_DELAYED: usize = 16;
/// Least time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

pub struct WrongKeys {
    clock: Arc<dyn Clock>,
    delayed: Semaphore,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// Wrong keys since the last line.
    pending: u64,
    logged_at: Option<Duration>,
}

impl WrongKeys {
    pub fn new(clock: Arc<dyn Clock>) -> WrongKeys {
        describe_counter!(WRONG_KEYS, "Requests with a wrong API key");
        counter!(WRONG_KEYS).increment(0);
        WrongKeys { clock, delayed: Semaphore::new(MAX_DELAYED), log: Mutex::default() }
    }

    /// Logs a wrong key and waits. 429 if too many others wait.
    pub async fn answer(&self, peer: Option<IpAddr>) -> Option<Problem> {
        counter!(WRONG_KEYS).increment(1);
        if let Some(count) = self.due() {
            let peer = peer.map_or_else(|| "this process".to_owned(), |peer| peer.to_string());
            tracing::warn!(target: "audit", peer, count, "requests with a wrong API key: {count}, the last one from {peer}");
        }
        match self.delayed.try_acquire() {
            Ok(_permit) => {
                self.clock.sleep(DELAY).await;
                None
            }
            Err(_) => {
                let detail = "too many requests with a wrong API key; use the right key, or wait a second";
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_wrong_keys", detail);
                Some(problem.retry_after(1))
            }
        }
    }

    /// The number of wrong keys since the last log line, if it is time for the next one.
    fn due(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.pending += 1;
        if log.logged_at.is_some_and(|at| now.saturating_sub(at) < LOG_INTERVAL) {
            return None;
        }
        let count = log.pending;
        *log = Log { pending: 0, logged_at: Some(now) };
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Notify;

    /// A clock that a test moves; a sleep ends when the test says so.
    #[derive(Default)]
    struct TestClock {
        seconds: AtomicU64,
        wake: Notify,
    }

    #[async_trait]
    impl Clock for TestClock {
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.seconds.load(Ordering::SeqCst))
        }

        async fn sleep(&self, _: Duration) {
            self.wake.notified().await;
        }
    }

    #[tokio::test]
    async fn wrong_keys_wait_and_too_many_are_refused() {
        let clock = Arc::new(TestClock::default());
        let wrong = Arc::new(WrongKeys::new(clock.clone()));
        let waiting: Vec<_> = (0..MAX_DELAYED)
            .map(|_| {
                let wrong = wrong.clone();
                tokio::spawn(async move { wrong.answer(None).await.is_none() })
            })
            .collect();
        while wrong.delayed.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(wrong.answer(None).await.unwrap().status, 429);
        for _ in &waiting {
            clock.wake.notify_one();
            tokio::task::yield_now().await;
        }
        clock.wake.notify_waiters();
        for answer in waiting {
            assert!(answer.await.unwrap());
        }
    }

    #[test]
    fn the_log_has_a_line_for_many_wrong_keys() {
        let clock = Arc::new(TestClock::default());
        let wrong = WrongKeys::new(clock.clone());
        assert_eq!((wrong.due(), wrong.due(), wrong.due()), (Some(1), None, None));
        clock.seconds.store(11, Ordering::SeqCst);
        assert_eq!(wrong.due(), Some(3));
    }
}
