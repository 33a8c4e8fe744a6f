//! A Redis server looked at from outside the engine: what it says of itself, and what our keys cost it.

use super::{connections, keys};
use common::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue, Pipeline, RedisError};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// Keys that one SCAN looks at.
const PAGE: usize = 1_000;

/// One connection to a server.
#[derive(Clone)]
pub struct Server {
    connection: MultiplexedConnection,
}

/// Keys of one kind and the bytes of memory that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub keys: u64,
    pub bytes: u64,
}

impl Server {
    /// # Errors
    /// It cannot be reached, or refuses; the reason is the server's.
    pub async fn connect(url: &str) -> Result<Server, StoreError> {
        let operation = "connect to Redis";
        let client = Client::open(connections::connection_info(url)?)
            .map_err(|e| connections::to_store(operation, &e))?;
        let connection = in_time(operation, client.get_multiplexed_async_connection()).await?;
        Ok(Server { connection })
    }

    /// `INFO`, by name.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn info(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let text: String = self.ask("INFO", &redis::cmd("INFO")).await?;
        let line =
            |line: &str| line.trim().split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(text.lines().filter_map(line).collect())
    }

    /// `CONFIG GET *`.
    ///
    /// # Errors
    /// As [`Server::info`]; many hosted servers refuse it.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.ask("CONFIG GET", redis::cmd("CONFIG").arg("GET").arg("*")).await
    }

    /// How many keys there are, ours or not.
    ///
    /// # Errors
    /// As [`Server::info`].
    pub async fn keys(&self) -> Result<u64, StoreError> {
        self.ask("DBSIZE", &redis::cmd("DBSIZE")).await
    }

    /// The server's time, in microseconds since 1970, and how long asking took.
    ///
    /// # Errors
    /// As [`Server::info`].
    pub async fn time(&self) -> Result<(i64, Duration), StoreError> {
        let begun = Instant::now();
        let (seconds, micros): (i64, i64) = self.ask("TIME", &redis::cmd("TIME")).await?;
        Ok((seconds * 1_000_000 + micros, begun.elapsed()))
    }

    /// What our keys take, by kind: `a` the records, `j` the journals, `i` inboxes, `d` dedup, `x` the index of customers,
    /// `waits`, `owners`, `feed`, and the rest by their own names. Asks for every key: costs the server time.
    ///
    /// # Errors
    /// As [`Server::info`].
    pub async fn footprints(&self) -> Result<BTreeMap<String, Footprint>, StoreError> {
        let mut all: BTreeMap<String, Footprint> = BTreeMap::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            let (next, page) = self.page(at).await?;
            cursor = next;
            if page.is_empty() {
                continue;
            }
            let mut pipe = redis::pipe();
            for key in &page {
                pipe.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
            }
            let sizes: Vec<Option<u64>> = self.ask_all("MEMORY USAGE", &pipe).await?;
            for (key, size) in page.iter().zip(sizes) {
                let footprint = all.entry(keys::kind(key).to_owned()).or_default();
                footprint.keys += 1;
                footprint.bytes += size.unwrap_or(0);
            }
        }
        Ok(all)
    }

    /// Removes every key of ours, the installation with them.
    ///
    /// # Errors
    /// As [`Server::info`]; some may be removed then.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            let (next, page) = self.page(at).await?;
            cursor = next;
            if !page.is_empty() {
                let _: u64 = self.ask("UNLINK", redis::cmd("UNLINK").arg(&page)).await?;
            }
        }
        Ok(())
    }

    /// Keys of ours from `cursor` on, and where the next page begins.
    async fn page(&self, cursor: u64) -> Result<(Option<u64>, Vec<Vec<u8>>), StoreError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(keys::ALL).arg("COUNT").arg(PAGE);
        let (next, page): (u64, Vec<Vec<u8>>) = self.ask("SCAN", &scan).await?;
        Ok(((next != 0).then_some(next), page))
    }

    async fn ask<T: FromRedisValue>(&self, operation: &'static str, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        in_time(operation, command.query_async(&mut connection)).await
    }

    async fn ask_all<T: FromRedisValue>(
        &self,
        operation: &'static str,
        pipe: &Pipeline,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        in_time(operation, pipe.query_async(&mut connection)).await
    }
}

async fn in_time<T>(
    operation: &'static str,
    asked: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| connections::to_store(operation, &error)),
        Err(_) => Err(StoreError::Unanswered {
            operation,
            reason: format!("no answer within {} s", PATIENCE.as_secs()),
        }),
    }
}
