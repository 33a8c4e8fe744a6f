//! Wake-ups by publish and subscribe. A lost ring only delays: whoever listens also looks once a second.

use super::{Settings, keys, link, reply};
use crate::memory::BroadcastBell;
use common::ports::work::Bell;
use common::{Shard, StoreError};
use futures_util::StreamExt;
use redis::Client;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::task::AbortOnDropHandle;

const BETWEEN_TRIES: Duration = Duration::from_millis(500);

pub struct Bells {
    ready: broadcast::Sender<Shard>,
    due: broadcast::Sender<Shard>,
    _listening: AbortOnDropHandle<()>,
}

impl Bells {
    pub fn new(settings: &Settings) -> Result<Bells, StoreError> {
        let (ready, due) = (broadcast::channel(1_024).0, broadcast::channel(1_024).0);
        let client = Client::open(link::connection_info(&settings.url)?)
            .map_err(|error| link::to_store("listen for wake-ups", &error))?;
        let listening = listen(client, settings.shards, ready.clone(), due.clone());
        Ok(Bells { ready, due, _listening: AbortOnDropHandle::new(tokio::spawn(listening)) })
    }

    pub fn ready(&self) -> Box<dyn Bell> {
        Box::new(BroadcastBell(self.ready.subscribe()))
    }

    pub fn due(&self) -> Box<dyn Bell> {
        Box::new(BroadcastBell(self.due.subscribe()))
    }
}

async fn listen(client: Client, shards: u16, ready: broadcast::Sender<Shard>, due: broadcast::Sender<Shard>) {
    loop {
        if let Err(error) = listen_once(&client, shards, &ready, &due).await {
            tracing::debug!(reason = %link::plain(&error), "no wake-ups from Redis; looking once a second meanwhile");
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

async fn listen_once(
    client: &Client,
    shards: u16,
    ready: &broadcast::Sender<Shard>,
    due: &broadcast::Sender<Shard>,
) -> redis::RedisResult<()> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(&[keys::READY, keys::DUE]).await?;
    // What rang while nobody listened is looked at now. Nobody listening here is fine, too.
    for shard in (0..shards).map(Shard) {
        let _ = (ready.send(shard), due.send(shard));
    }
    let mut messages = subscription.into_on_message();
    while let Some(message) = messages.next().await {
        let Some(shard) = message.get_payload::<String>().ok().and_then(|text| reply::shard_from(&text))
        else {
            continue;
        };
        let _ = match message.get_channel_name() {
            keys::READY => ready.send(shard),
            _ => due.send(shard),
        };
    }
    Ok(())
}
