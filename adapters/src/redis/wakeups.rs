//! Wake-ups by publish and subscribe. A lost ring only delays: whoever listens also looks once a second.

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

const BETWEEN_TRIES: Duration = Duration::from_millis(500);
/// A subscription sends nothing by itself, so that a connection into the void would never be noticed.
const BETWEEN_PINGS: Duration = Duration::from_secs(5);

pub struct Subscription {
    ready: broadcast::Sender<Shard>,
    due: broadcast::Sender<Shard>,
    _listening: AbortOnDropHandle<()>,
}

impl Subscription {
    pub fn new(settings: &Settings) -> Result<Subscription, StoreError> {
        let (ready, due) = (broadcast::channel(1_024).0, broadcast::channel(1_024).0);
        let client = Client::open(connections::connection_info(&settings.url)?)
            .map_err(|error| connections::to_store("listen for wake-ups", &error))?;
        let listening = listen(client, settings.shards, ready.clone(), due.clone());
        Ok(Subscription { ready, due, _listening: AbortOnDropHandle::new(tokio::spawn(listening)) })
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
            tracing::debug!(reason = %connections::plain(&error), "no wake-ups from Redis; looking once a second meanwhile");
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

/// Ends with the subscription, at the latest when the server leaves anything without an answer.
async fn listen_once(
    client: &Client,
    shards: u16,
    ready: &broadcast::Sender<Shard>,
    due: &broadcast::Sender<Shard>,
) -> redis::RedisResult<()> {
    let (mut sink, mut messages) = answered(client.get_async_pubsub()).await?.split();
    answered(sink.subscribe(&[keys::READY, keys::DUE])).await?;
    // What rang while nobody listened is looked at now. Nobody listening here is fine, too.
    for shard in (0..shards).map(Shard) {
        let _ = (ready.send(shard), due.send(shard));
    }
    let mut pings = tokio::time::interval(BETWEEN_PINGS);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => pass_on(&message, ready, due),
                None => return Ok(()),
            },
            _ = pings.tick() => drop(answered(sink.ping::<redis::Value>()).await?),
        }
    }
}

/// A subscription has no time limit of its own, in connecting as little as later.
async fn answered<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> redis::RedisResult<T> {
    match tokio::time::timeout(BETWEEN_PINGS, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

fn pass_on(message: &redis::Msg, ready: &broadcast::Sender<Shard>, due: &broadcast::Sender<Shard>) {
    let Some(shard) = message.get_payload::<String>().ok().and_then(|text| reply::shard_from(&text)) else {
        return;
    };
    let _ = match message.get_channel_name() {
        keys::READY => ready.send(shard),
        _ => due.send(shard),
    };
}
