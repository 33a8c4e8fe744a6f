//! Counts what a listener refused or closed, and logs it once a minute.

use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const CLOSED: &str = "signalbox_http_closed_total";
const OPEN: &str = "signalbox_http_connections";
/// Least time between two log lines.
pub const LOG_INTERVAL: Duration = Duration::from_secs(60);

pub fn describe() {
    describe_gauge!(OPEN, "Open connections, by listener");
    describe_counter!(
        CLOSED,
        "Connections that were refused or closed early, by listener and reason: refused, evicted (it asked for nothing while all \
         connections were taken), accept_failed, header_timeout, body_timeout, response_timeout"
    );
}

/// Reason for which a connection was refused or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Refused,
    Evicted,
    AcceptFailed,
    Header,
    Body,
    Response,
}

const ALL: [(Trouble, &str, &str); 6] = [
    (Trouble::Refused, "refused", "refused, because all were taken"),
    (Trouble::Evicted, "evicted", "closed for a new one, because they asked for nothing"),
    (Trouble::AcceptFailed, "accept_failed", "not accepted by the system"),
    (Trouble::Header, "header_timeout", "closed, because the header of a request did not arrive"),
    (Trouble::Body, "body_timeout", "closed, because the body of a request did not arrive"),
    (Trouble::Response, "response_timeout", "closed, because the client did not read the response"),
];

/// The troubles of one listener.
pub struct Troubles {
    name: &'static str,
    connections: usize,
    limited_by: &'static str,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    counts: [u64; ALL.len()],
    error: Option<String>,
    logged_at: Option<Instant>,
}

impl Troubles {
    pub fn new(name: &'static str, connections: usize, limited_by: &'static str) -> Troubles {
        // Exported from the start: Prometheus sees no increase when a counter appears.
        for (_, reason, _) in ALL {
            counter!(CLOSED, "listener" => name, "reason" => reason).increment(0);
        }
        Troubles { name, connections, limited_by, pending: Mutex::default() }
    }

    pub fn count(&self, trouble: Trouble) {
        self.add(trouble, None);
    }

    /// Counts a connection that the system did not hand over.
    pub fn accept_failed(&self, error: &io::Error) {
        self.add(Trouble::AcceptFailed, Some(error.to_string()));
    }

    fn add(&self, trouble: Trouble, error: Option<String>) {
        let Some(at) = ALL.iter().position(|(one, ..)| *one == trouble) else { return };
        counter!(CLOSED, "listener" => self.name, "reason" => ALL[at].1).increment(1);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.counts[at] += 1;
        pending.error = error.or(pending.error.take());
        self.log(&mut pending);
    }

    /// Logs what was counted since the last line, if that line is a minute old.
    pub fn flush(&self) {
        self.log(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn log(&self, pending: &mut Pending) {
        let is_new = pending.logged_at.is_some_and(|at| at.elapsed() < LOG_INTERVAL);
        if is_new || pending.counts.iter().all(|count| *count == 0) {
            return;
        }
        tracing::warn!(listener = self.name, "{}", self.text(pending));
        *pending = Pending { logged_at: Some(Instant::now()), ..Pending::default() };
    }

    fn text(&self, pending: &Pending) -> String {
        let counted = pending.counts.iter().zip(ALL).filter(|(count, _)| **count > 0);
        let parts: Vec<String> = counted.map(|(count, (_, _, what))| format!("{count} {what}")).collect();
        let error = pending.error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        format!(
            "connections to {}: {}{error}; at most {} are open at a time ({})",
            self.name,
            parts.join(", "),
            self.connections,
            self.limited_by
        )
    }
}

/// One open connection, in the gauge.
pub struct Counted(&'static str);

impl Counted {
    pub fn new(listener: &'static str) -> Counted {
        gauge!(OPEN, "listener" => listener).increment(1.0);
        Counted(listener)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(OPEN, "listener" => self.0).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_one_line_with_all_counts() {
        let troubles = Troubles::new("api", 15, "api.max_connections");
        let pending = || troubles.pending.lock().unwrap().counts;
        troubles.count(Trouble::Refused);
        assert_eq!(pending(), [0; 6], "the first one is logged at once");
        troubles.count(Trouble::Refused);
        troubles.count(Trouble::Header);
        troubles.accept_failed(&io::Error::from_raw_os_error(24));
        troubles.flush();
        assert_eq!(pending(), [1, 0, 1, 1, 0, 0], "the rest waits for the next minute");
        let text = troubles.text(&troubles.pending.lock().unwrap());
        assert!(text.contains("1 refused, because all were taken, 1 not accepted"), "{text}");
        assert!(text.contains("Too many open files") && text.contains("15 are open at a time"), "{text}");
    }
}
