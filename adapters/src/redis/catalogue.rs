//! The catalogue on Redis: definitions, bundles, transitions of windows.

use super::keys;
use super::store::Store;
use async_trait::async_trait;
use common::ports::Catalogue;
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::{Shard, StoreError, json};
use flow::{Definitions, Timestamp};
use serde::de::DeserializeOwned;

#[async_trait]
impl Catalogue for Store {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        let generation = publication.definitions.generation;
        let definitions = json::to_bytes(&publication.definitions);
        let mut call = self.scripts.publish.key(keys::DEFINITIONS);
        call.arg(generation).arg(&definitions);
        for (hash, bytes) in &publication.bundles {
            call.arg(hash).arg(bytes);
        }
        let current: i64 =
            self.connections.run("publish", async |connection| call.invoke_async(connection).await).await?;
        if current < 0 {
            let current = (-current - 1) as u64;
            // The answer to an earlier call with this publication may have been lost.
            let repeated =
                current == generation && self.definitions(0).await? == Some(publication.definitions.clone());
            if !repeated {
                return Ok(Published::Conflict { generation: current });
            }
        }
        for shard in 0..self.settings.shards {
            let mut call = self.scripts.raise_generation.key(keys::shard(Shard(shard)));
            call.arg(generation);
            let _: i64 = self
                .connections
                .run("publish", async |connection| call.invoke_async(connection).await)
                .await?;
        }
        Ok(Published::Done)
    }

    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        let mut generation = redis::cmd("HGET");
        generation.arg(keys::DEFINITIONS).arg("generation");
        let current: Option<u64> = self
            .connections
            .run("read the generation", async |connection| generation.query_async(connection).await)
            .await?;
        if current.unwrap_or_default() <= than {
            return Ok(None);
        }
        let mut command = redis::cmd("HGET");
        command.arg(keys::DEFINITIONS).arg("definitions");
        let bytes: Vec<u8> = self
            .connections
            .run("read the definitions", async |connection| command.query_async(connection).await)
            .await?;
        decode("read the definitions", &bytes).map(Some)
    }

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(keys::bundle(hash));
        self.connections.run("read a bundle", async |connection| command.query_async(connection).await).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        if let Some(clock) = &self.settings.clock {
            return Ok(clock.now());
        }
        let command = redis::cmd("TIME");
        let (seconds, micros): (i64, i64) = self
            .connections
            .run("read the time", async |connection| command.query_async(connection).await)
            .await?;
        Ok(Timestamp::from_micros(seconds * 1_000_000 + micros))
    }

    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError> {
        let new = RouteTransitionRecord {
            transition: transition.clone(),
            recorded_at: self.now().await?,
            published: false,
        };
        let mut pipe = redis::pipe();
        pipe.atomic()
            .hset_nx(keys::ROUTE_TRANSITIONS, field(transition), json::to_bytes(&new))
            .ignore()
            .hget(keys::ROUTE_TRANSITIONS, field(transition));
        let (bytes,): (Vec<u8>,) = self
            .connections
            .run("record a transition", async |connection| pipe.query_async(connection).await)
            .await?;
        decode("record a transition", &bytes)
    }

    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError> {
        let operation = "record a transition";
        let mut command = redis::cmd("HGET");
        command.arg(keys::ROUTE_TRANSITIONS).arg(field(transition));
        let recorded: Option<Vec<u8>> =
            self.connections.run(operation, async |connection| command.query_async(connection).await).await?;
        let Some(recorded) = recorded else { return Ok(()) };
        let published = RouteTransitionRecord { published: true, ..decode(operation, &recorded)? };
        let mut command = redis::cmd("HSET");
        command.arg(keys::ROUTE_TRANSITIONS).arg(field(transition)).arg(json::to_bytes(&published));
        self.connections.run(operation, async |connection| command.query_async(connection).await).await
    }

    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError> {
        let mut command = redis::cmd("HVALS");
        command.arg(keys::ROUTE_TRANSITIONS);
        let stored: Vec<Vec<u8>> = self
            .connections
            .run("read the transitions", async |connection| command.query_async(connection).await)
            .await?;
        let mut transitions: Vec<RouteTransitionRecord> =
            stored.iter().map(|bytes| decode("read the transitions", bytes)).collect::<Result<_, _>>()?;
        transitions.sort_by(|a, b| (a.transition.at, &a.transition).cmp(&(b.transition.at, &b.transition)));
        Ok(transitions)
    }
}

fn field(transition: &RouteTransition) -> String {
    format!("{} {} {}", transition.route_id, transition.transition, transition.at)
}

fn decode<T: DeserializeOwned>(operation: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|error| StoreError::Corrupt { operation, what: json::reason(&error) })
}
