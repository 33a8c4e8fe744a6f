//! Limits of a listener and of one client (docs/limits.md).

use std::time::Duration;

/// What one listener and one client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of open connections.
    pub connections: usize,
    /// Maximum time from the first byte of a request (or from accepting the connection) to the end of its header.
    pub header: Duration,
    /// Maximum time in which a request's body arrives.
    pub body: Duration,
    /// Maximum time between two requests on a connection.
    pub idle: Duration,
    /// Maximum time in which a client takes no byte of a response.
    pub stall: Duration,
    /// Maximum time to finish open requests at shutdown.
    pub shutdown: Duration,
}

/// Maximum size of a request's header, in bytes.
pub const HEADER_BYTES: usize = 32 * 1024;

impl Limits {
    pub fn of(connections: usize) -> Limits {
        Limits {
            connections,
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            shutdown: Duration::from_secs(3),
        }
    }
}
