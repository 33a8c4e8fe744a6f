//! Settings of the Redis store.

use crate::memory::{Limits, ManualTime};
use common::record::formats;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server is, and whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `redis://[user:password@]host:port/`; with TLS `rediss://…`.
    pub url: String,
    /// Certificates (PEM) of the authorities that are trusted; `None` for those of the system.
    pub ca_file: Option<PathBuf>,
}

impl From<&str> for Address {
    fn from(url: &str) -> Address {
        Address { url: url.to_owned(), ca_file: None }
    }
}

#[derive(Clone)]
pub struct Settings {
    pub address: Address,
    /// Number of multiplexed connections; two keep a server busy.
    pub connections: usize,
    pub response_timeout: Duration,
    pub shards: u16,
    pub dedup_rotation: Duration,
    pub ended_retention: Duration,
    pub feed_length: u32,
    /// The store's time, which tests move by hand; `None` for the server's clock.
    pub clock: Option<ManualTime>,
    /// Formats that this binary claims to read, the oldest and the newest; tests change them.
    pub formats: (u8, u8),
}

impl Settings {
    pub fn new(url: &str, shards: u16) -> Settings {
        let limits = Limits::default();
        Settings {
            address: url.into(),
            connections: 2,
            response_timeout: Duration::from_secs(2),
            shards,
            dedup_rotation: limits.dedup_rotation,
            ended_retention: limits.ended_retention,
            feed_length: limits.feed_length,
            clock: None,
            formats: formats(),
        }
    }
}
