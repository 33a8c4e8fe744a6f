//! Administration of a Redis server: its state, the memory that the keys of the store take, and their removal.

use super::settings::Address;
use super::{connections, keys};
use common::StoreError;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue, Pipeline, RedisError};
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Number of keys that one SCAN visits.
const PAGE: usize = 1_000;

/// One connection to a server.
#[derive(Clone)]
pub struct Server {
    connection: MultiplexedConnection,
}

/// Number of keys of one kind, and the memory that they take in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub keys: u64,
    pub bytes: u64,
}

impl Server {
    /// # Errors
    /// The server cannot be reached, or refuses; the reason is in its words.
    pub async fn connect(address: &Address) -> Result<Server, StoreError> {
        let operation = "connect to Redis";
        let client = Client::open(connections::connection_info(address)?)
            .map_err(|e| connections::to_store(operation, &e))?;
        let connection = in_time(operation, client.get_multiplexed_async_connection()).await?;
        Ok(Server { connection })
    }

    /// Reads `INFO`, by name.
    ///
    /// # Errors
    /// The server does not answer, or refuses.
    pub async fn info(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let text: String = self.call("INFO", &redis::cmd("INFO")).await?;
        let line =
            |line: &str| line.trim().split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(text.lines().filter_map(line).collect())
    }

    /// Reads `CONFIG GET *`.
    ///
    /// # Errors
    /// As [`Server::info`]; many hosted servers refuse it.
    pub async fn settings(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.call("CONFIG GET", redis::cmd("CONFIG").arg("GET").arg("*")).await
    }

    /// Counts all keys of the server, including those of other programs.
    ///
    /// # Errors
    /// As [`Server::info`].
    pub async fn keys(&self) -> Result<u64, StoreError> {
        self.call("DBSIZE", &redis::cmd("DBSIZE")).await
    }

    /// Reads the server's time, in microseconds since 1970, and measures the call.
    ///
    /// # Errors
    /// As [`Server::info`].
    pub async fn time(&self) -> Result<(i64, Duration), StoreError> {
        let begun = Instant::now();
        let (seconds, micros): (i64, i64) = self.call("TIME", &redis::cmd("TIME")).await?;
        Ok((seconds * 1_000_000 + micros, begun.elapsed()))
    }

    /// Measures the keys of the store by kind: `a` records, `e` triggers, `j` journals, `i` inboxes, `d` dedup, `x` index of customers; the
    /// other kinds have their own names. It visits every key, which costs the server time.
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
            let sizes: Vec<Option<u64>> = self.call_all("MEMORY USAGE", &pipe).await?;
            for (key, size) in page.iter().zip(sizes) {
                let footprint = all.entry(keys::kind(key).to_owned()).or_default();
                footprint.keys += 1;
                footprint.bytes += size.unwrap_or(0);
            }
        }
        Ok(all)
    }

    /// Removes every key of the store, including the installation.
    ///
    /// # Errors
    /// As [`Server::info`]; some keys may have been removed.
    pub async fn clear(&self) -> Result<(), StoreError> {
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            let (next, page) = self.page(at).await?;
            cursor = next;
            if !page.is_empty() {
                let _: u64 = self.call("UNLINK", redis::cmd("UNLINK").arg(&page)).await?;
            }
        }
        Ok(())
    }

    /// Reads the store's keys from `cursor` on; with the cursor of the next page.
    async fn page(&self, cursor: u64) -> Result<(Option<u64>, Vec<Vec<u8>>), StoreError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(keys::ALL).arg("COUNT").arg(PAGE);
        let (next, page): (u64, Vec<Vec<u8>>) = self.call("SCAN", &scan).await?;
        Ok(((next != 0).then_some(next), page))
    }

    async fn call<T: FromRedisValue>(&self, operation: &'static str, command: &Cmd) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        in_time(operation, command.query_async(&mut connection)).await
    }

    async fn call_all<T: FromRedisValue>(
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
    call: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(TIMEOUT, call).await {
        Ok(answer) => answer.map_err(|error| connections::to_store(operation, &error)),
        Err(_) => Err(StoreError::Unanswered {
            operation,
            reason: format!("no answer within {} s", TIMEOUT.as_secs()),
        }),
    }
}
