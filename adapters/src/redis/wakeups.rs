//! Wakeups by publish and subscribe. A lost wakeup only delays: every listener also polls.

use super::settings::Settings;
use super::{connections, keys, reply};
use crate::memory::BroadcastWakeups;
use common::ports::work::Wakeups;
use common::{Shard, StoreError};
use futures_util::StreamExt;
use redis::Client;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::task::AbortOnDropHandle;

const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// Interval between pings. A subscription sends nothing by itself, so a dead connection would never be noticed.
const PING_INTERVAL: Duration = Duration::from_secs(5);

pub struct Subscription {
    ready: broadcast::Sender<Shard>,
    due: broadcast::Sender<Shard>,
    _listener: AbortOnDropHandle<()>,
}

impl Subscription {
    pub fn new(settings: &Settings) -> Result<Subscription, StoreError> {
        let (ready, due) = (broadcast::channel(1_024).0, broadcast::channel(1_024).0);
        let client = Client::open(connections::connection_info(&settings.address)?)
            .map_err(|error| connections::to_store("listen for wakeups", &error))?;
        let listener = listen(client, settings.shards, ready.clone(), due.clone());
        Ok(Subscription { ready, due, _listener: AbortOnDropHandle::new(tokio::spawn(listener)) })
    }

    pub fn ready(&self) -> Box<dyn Wakeups> {
        Box::new(BroadcastWakeups(self.ready.subscribe()))
    }

    pub fn due(&self) -> Box<dyn Wakeups> {
        Box::new(BroadcastWakeups(self.due.subscribe()))
    }
}

async fn listen(client: Client, shards: u16, ready: broadcast::Sender<Shard>, due: broadcast::Sender<Shard>) {
    loop {
        if let Err(error) = listen_once(&client, shards, &ready, &due).await {
            tracing::debug!(reason = %connections::plain(&error), "No wakeups from Redis; polling until the subscription is back");
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}

/// Returns when the subscription ends, at the latest when the server does not answer a ping.
async fn listen_once(
    client: &Client,
    shards: u16,
    ready: &broadcast::Sender<Shard>,
    due: &broadcast::Sender<Shard>,
) -> redis::RedisResult<()> {
    let (mut sink, mut messages) = answered(client.get_async_pubsub()).await?.split();
    answered(sink.subscribe(&[keys::READY, keys::DUE])).await?;
    // Wakeups were lost while there was no subscription: wake every shard. A send without receivers fails, which is fine.
    for shard in (0..shards).map(Shard) {
        let _ = (ready.send(shard), due.send(shard));
    }
    let mut pings = tokio::time::interval(PING_INTERVAL);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => forward(&message, ready, due),
                None => return Ok(()),
            },
            _ = pings.tick() => drop(answered(sink.ping::<redis::Value>()).await?),
        }
    }
}

/// Adds the timeout that a subscription lacks, while connecting and later.
async fn answered<T>(call: impl Future<Output = redis::RedisResult<T>>) -> redis::RedisResult<T> {
    match tokio::time::timeout(PING_INTERVAL, call).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

fn forward(message: &redis::Msg, ready: &broadcast::Sender<Shard>, due: &broadcast::Sender<Shard>) {
    let Some(shard) = message.get_payload::<String>().ok().and_then(|text| reply::shard_from(&text)) else {
        return;
    };
    let _ = match message.get_channel_name() {
        keys::READY => ready.send(shard),
        _ => due.send(shard),
    };
}
