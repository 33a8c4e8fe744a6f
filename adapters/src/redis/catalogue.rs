//! Definitions, bundles, edges of windows.

use super::{Store, keys};
use async_trait::async_trait;
use common::ports::Catalogue;
use common::ports::catalogue::{Edge, EdgeRecord, Publication, Published};
use common::{Shard, StoreError};
use flow::{Definitions, Timestamp};
use serde::de::DeserializeOwned;

#[async_trait]
impl Catalogue for Store {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        let generation = publication.definitions.generation;
        // Definitions are strings, numbers and times, which always serialise.
        let definitions = serde_json::to_vec(&publication.definitions).unwrap_or_default();
        let mut call = self.scripts.publish.key(keys::DEFINITIONS);
        call.arg(generation).arg(&definitions);
        for (hash, bytes) in &publication.bundles {
            call.arg(hash).arg(bytes);
        }
        let standing: i64 =
            self.link.run("publish", async |connection| call.invoke_async(connection).await).await?;
        if standing < 0 {
            let standing = (-standing - 1) as u64;
            // The answer to an earlier try of this very publication may have been lost.
            let repeated =
                standing == generation && self.definitions(0).await? == Some(publication.definitions.clone());
            if !repeated {
                return Ok(Published::Conflict { generation: standing });
            }
        }
        for shard in 0..self.settings.shards {
            let mut call = self.scripts.raise.key(keys::shard(Shard(shard)));
            call.arg(generation);
            let _: i64 =
                self.link.run("publish", async |connection| call.invoke_async(connection).await).await?;
        }
        Ok(Published::Done)
    }

    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        let mut generation = redis::cmd("HGET");
        generation.arg(keys::DEFINITIONS).arg("generation");
        let standing: Option<u64> = self
            .link
            .run("read the generation", async |connection| generation.query_async(connection).await)
            .await?;
        if standing.unwrap_or_default() <= than {
            return Ok(None);
        }
        let mut command = redis::cmd("HGET");
        command.arg(keys::DEFINITIONS).arg("definitions");
        let bytes: Vec<u8> = self
            .link
            .run("read the definitions", async |connection| command.query_async(connection).await)
            .await?;
        decode("read the definitions", &bytes).map(Some)
    }

    async fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(keys::bundle(hash));
        self.link.run("read a bundle", async |connection| command.query_async(connection).await).await
    }

    async fn now(&self) -> Result<Timestamp, StoreError> {
        if let Some(clock) = &self.settings.clock {
            return Ok(clock.now());
        }
        let command = redis::cmd("TIME");
        let (seconds, micros): (i64, i64) =
            self.link.run("read the time", async |connection| command.query_async(connection).await).await?;
        Ok(Timestamp::from_micros(seconds * 1_000_000 + micros))
    }

    async fn record_edge(&self, edge: &Edge) -> Result<EdgeRecord, StoreError> {
        let new = EdgeRecord { edge: edge.clone(), recorded_at: self.now().await?, published: false };
        let mut pipe = redis::pipe();
        pipe.atomic().hset_nx(keys::EDGES, field(edge), json(&new)).ignore().hget(keys::EDGES, field(edge));
        let (bytes,): (Vec<u8>,) =
            self.link.run("record an edge", async |connection| pipe.query_async(connection).await).await?;
        decode("record an edge", &bytes)
    }

    async fn edge_published(&self, edge: &Edge) -> Result<(), StoreError> {
        let operation = "record an edge";
        let mut command = redis::cmd("HGET");
        command.arg(keys::EDGES).arg(field(edge));
        let recorded: Option<Vec<u8>> =
            self.link.run(operation, async |connection| command.query_async(connection).await).await?;
        let Some(recorded) = recorded else { return Ok(()) };
        let published = EdgeRecord { published: true, ..decode(operation, &recorded)? };
        let mut command = redis::cmd("HSET");
        command.arg(keys::EDGES).arg(field(edge)).arg(json(&published));
        self.link.run(operation, async |connection| command.query_async(connection).await).await
    }

    async fn edges(&self) -> Result<Vec<EdgeRecord>, StoreError> {
        let mut command = redis::cmd("HVALS");
        command.arg(keys::EDGES);
        let said: Vec<Vec<u8>> =
            self.link.run("read the edges", async |connection| command.query_async(connection).await).await?;
        let mut edges: Vec<EdgeRecord> =
            said.iter().map(|bytes| decode("read the edges", bytes)).collect::<Result<_, _>>()?;
        edges.sort_by(|a, b| (a.edge.at, &a.edge).cmp(&(b.edge.at, &b.edge)));
        Ok(edges)
    }
}

fn field(edge: &Edge) -> String {
    format!("{} {} {}", edge.route_id, edge.edge, edge.at)
}

fn json(record: &EdgeRecord) -> Vec<u8> {
    // Strings, times and a flag always serialise.
    serde_json::to_vec(record).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(operation: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|error| StoreError::Corrupt { operation, what: error.to_string() })
}
