//! The start of a process: a role waits for a service that is away, and refuses at once what waiting does not mend.

use crate::failure::Failure;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Maximum time of one attempt to open a service.
const ATTEMPT: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Interval between two log lines about the same service.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Reason why a service cannot be opened.
pub enum Unopened {
    /// The service does not answer, or cannot serve yet. `failure` is for a command that does not wait.
    Away { reason: String, failure: Failure },
    /// The service or the settings are wrong.
    Wrong(Failure),
}

impl<F: Into<Failure>> From<F> for Unopened {
    fn from(failure: F) -> Unopened {
        Unopened::Wrong(failure.into())
    }
}

/// A service of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Name of its check in `/readyz`.
    pub check: &'static str,
    /// `the state store at redis://127.0.0.1:6379 (redis.url)`
    pub shown: String,
}

/// What this process waits for before its roles run.
#[derive(Default)]
pub struct Startup {
    awaited: Mutex<Option<Awaited>>,
}

/// A service that is away.
struct Awaited {
    service: Service,
    reason: String,
    since: Instant,
    /// When the log said so last.
    said: Option<Instant>,
}

impl Startup {
    /// The check that fails now, and why.
    pub fn awaited(&self) -> (&'static str, String) {
        match &*self.lock() {
            Some(Awaited { service, reason, since, .. }) => (
                service.check,
                format!("waiting for {} for {} s: {reason}", service.shown, since.elapsed().as_secs()),
            ),
            None => ("store", "the services of this process are being opened".to_owned()),
        }
    }

    /// Keeps the reason, and returns what the log must say now.
    fn is_away(&self, service: &Service, reason: String, now: Instant) -> Option<String> {
        let mut awaited = self.lock();
        let known = awaited.take().filter(|awaited| awaited.service == *service);
        let mut away = match known {
            Some(known) => Awaited { reason, ..known },
            None => Awaited { service: service.clone(), reason, since: now, said: None },
        };
        let line = away.line(now);
        *awaited = Some(away);
        line
    }

    /// Forgets the service, and returns how long it was away.
    fn is_there(&self, service: &Service) -> Option<Duration> {
        let mut awaited = self.lock();
        awaited.take_if(|awaited| awaited.service == *service).map(|awaited| awaited.since.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Awaited>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    fn line(&mut self, now: Instant) -> Option<String> {
        let Awaited { service, reason, since, said } = self;
        let line = match said {
            None => format!(
                "{} is away: {reason}; waiting for it, and repeating this line every {} s",
                service.shown,
                SAY_AGAIN.as_secs()
            ),
            Some(said) if now.duration_since(*said) >= SAY_AGAIN => {
                format!("{} is still away after {} s: {reason}", service.shown, (now - *since).as_secs())
            }
            Some(_) => return None,
        };
        *said = Some(now);
        Some(line)
    }
}

/// Opens a service. While it is away, tries again for as long as it takes, if this is the `startup` of a role.
///
/// # Errors
/// The service is wrong; or it is away and nobody waits.
pub async fn opened<T>(
    startup: Option<&Startup>,
    service: &Service,
    attempt: impl AsyncFn() -> Result<T, Unopened>,
) -> Result<T, Failure> {
    let mut pause = FIRST_PAUSE;
    loop {
        let (reason, failure) = match within(ATTEMPT, service, attempt()).await {
            Ok(opened) => {
                if let Some(away) = startup.and_then(|startup| startup.is_there(service)) {
                    tracing::info!("{} is there after {} s", service.shown, away.as_secs());
                }
                return Ok(opened);
            }
            Err(Unopened::Wrong(failure)) => return Err(failure),
            Err(Unopened::Away { reason, failure }) => (reason, failure),
        };
        let Some(startup) = startup else { return Err(failure) };
        if let Some(line) = startup.is_away(service, reason, Instant::now()) {
            tracing::warn!(service = service.check, "{line}");
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A service that is silent is away.
async fn within<T>(
    limit: Duration,
    service: &Service,
    attempt: impl Future<Output = Result<T, Unopened>>,
) -> Result<T, Unopened> {
    timeout(limit, attempt).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", limit.as_secs());
        let failure = Failure::failed(format!("{} cannot be used: {reason}", service.shown));
        Err(Unopened::Away { reason, failure })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn service(check: &'static str) -> Service {
        Service { check, shown: format!("the {check} at here") }
    }

    fn away() -> Unopened {
        Unopened::Away { reason: "refused".into(), failure: Failure::failed("cannot be used: refused") }
    }

    #[test]
    fn a_service_that_is_away_is_said_once_and_then_once_a_minute() {
        let startup = Startup::default();
        let begun = Instant::now();
        let lines: Vec<String> = (0..150)
            .filter_map(|second| {
                startup.is_away(&service("store"), "refused".into(), begun + Duration::from_secs(second))
            })
            .collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("the store at here is away: refused; waiting for it"), "{lines:?}");
        assert_eq!(lines[2], "the store at here is still away after 120 s: refused");
        let (check, why) = startup.awaited();
        assert_eq!((check, why.contains("waiting for the store at here for")), ("store", true), "{why}");
        assert_eq!(startup.is_there(&service("broker")), None);
        assert!(startup.is_there(&service("store")).is_some());
        assert!(startup.is_away(&service("broker"), "refused".into(), begun).is_some());
    }

    #[tokio::test]
    async fn a_role_waits_for_a_service_and_a_command_does_not() {
        let attempts = AtomicU32::new(0);
        let late = async || match attempts.fetch_add(1, Ordering::Relaxed) {
            0..2 => Err(away()),
            _ => Ok(7),
        };
        let refused = opened(None, &service("store"), late).await;
        assert!(refused.is_err_and(|failure| failure.to_string() == "cannot be used: refused"));
        let startup = Startup::default();
        assert_eq!(opened(Some(&startup), &service("store"), late).await.ok(), Some(7));
        assert_eq!(attempts.load(Ordering::Relaxed), 3);
        assert!(startup.awaited().1.contains("being opened"));
    }

    #[tokio::test]
    async fn what_is_wrong_is_refused_at_once_and_silence_counts_as_away() {
        let startup = Startup::default();
        let wrong = async || Err::<(), _>(Unopened::Wrong(Failure::failed("wrong password")));
        let refused = opened(Some(&startup), &service("store"), wrong).await;
        assert!(refused.is_err_and(|failure| failure.to_string() == "wrong password"));
        let silent = std::future::pending::<Result<(), Unopened>>();
        let answer = within(Duration::from_millis(1), &service("broker"), silent).await;
        assert!(matches!(answer, Err(Unopened::Away { .. })));
    }
}
