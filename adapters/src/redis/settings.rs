//! Settings of the Redis store.

use crate::memory::{Limits, ManualTime};
use common::record::FORMAT;
use std::time::Duration;

#[derive(Clone)]
pub struct Settings {
    /// `redis://[user:password@]host:port/`.
    pub url: String,
    /// Number of multiplexed connections; two keep a server busy.
    pub connections: usize,
    pub response_timeout: Duration,
    pub shards: u16,
    pub dedup_rotation: Duration,
    pub ended_retention: Duration,
    pub feed_length: u32,
    /// The store's time, which tests move by hand; `None` for the server's clock.
    pub clock: Option<ManualTime>,
    /// Newest record format that this binary claims to read; tests lower it.
    pub format: u8,
}

impl Settings {
    pub fn new(url: &str, shards: u16) -> Settings {
        let limits = Limits::default();
        Settings {
            url: url.into(),
            connections: 2,
            response_timeout: Duration::from_secs(2),
            shards,
            dedup_rotation: limits.dedup_rotation,
            ended_retention: limits.ended_retention,
            feed_length: limits.feed_length,
            clock: None,
            format: FORMAT,
        }
    }
}
