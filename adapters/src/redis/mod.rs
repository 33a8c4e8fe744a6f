//! The state store on Redis 7: one Lua script per operation, all keys of a shard in one cluster slot.
//!
//! Every operation may be repeated with the same arguments after an unanswered call; a command that a dead connection
//! still delivers late is refused by claim and version.

mod catalogue;
mod inspect;
mod intake;
mod keys;
mod link;
mod lookup;
mod members;
mod metrics;
mod reply;
mod scripts;
mod server;
mod upkeep;
mod wakeups;
mod work;

use crate::memory::ManualTime;
use common::record::FORMAT;
use common::{Shard, StoreError};
use redis::{Script, ScriptInvocation, Value};
use std::sync::Arc;
use std::time::Duration;

pub use inspect::{Facts, inspect};
pub use server::{Footprint, Server};

#[derive(Clone)]
pub struct Settings {
    /// `redis://[user:password@]host:port/`.
    pub url: String,
    /// Multiplexed connections; two keep a server busy.
    pub connections: usize,
    pub response_timeout: Duration,
    pub shards: u16,
    pub dedup_rotation: Duration,
    pub ended_retention: Duration,
    pub feed_length: u32,
    /// Tests move the store's time by hand; `None` is the server's clock.
    pub clock: Option<ManualTime>,
    /// The newest record format that this binary says it reads; tests lower it.
    pub format: u8,
}

impl Settings {
    pub fn new(url: &str, shards: u16) -> Settings {
        let limits = crate::memory::Limits::default();
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

pub struct Store {
    settings: Settings,
    link: Arc<link::Link>,
    scripts: scripts::Scripts,
    wakeups: wakeups::Subscription,
}

impl Store {
    /// Does not fail when Redis is away: calls then answer `Unanswered` until it is back. Must run within a tokio runtime.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn connect(settings: Settings) -> Result<Store, StoreError> {
        metrics::describe();
        let link = Arc::new(link::Link::new(&settings)?);
        let wakeups = wakeups::Subscription::new(&settings)?;
        Ok(Store { settings, link, scripts: scripts::Scripts::default(), wakeups })
    }

    /// An invocation on a shard, with the two arguments that record.lua reads.
    fn on<'a>(&self, script: &'a Script, shard: Shard) -> ScriptInvocation<'a> {
        let mut call = script.key(keys::shard(shard));
        let now = self.settings.clock.as_ref().map(|clock| clock.now().as_micros().to_string());
        call.arg(now.unwrap_or_default()).arg(self.settings.format);
        call
    }

    async fn invoke(
        &self,
        operation: &'static str,
        call: &ScriptInvocation<'_>,
    ) -> Result<Value, StoreError> {
        self.link.run(operation, async |connection| call.invoke_async(connection).await).await
    }

    fn shard_of(&self, id: common::ActiveflowId) -> Shard {
        id.shard(self.settings.shards)
    }
}
