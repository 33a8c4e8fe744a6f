//! Every setting and its type. `config/default.toml` holds all settings with their defaults; the types have no defaults of their own.

use super::units::{ByteSize, HumanDuration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Text of `config/default.toml`, which is loaded first.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub data: Data,
    pub api: Api,
    pub redis: Redis,
    pub amqp: Amqp,
    pub engine: Engine,
    pub dispatcher: Dispatcher,
    pub executor: Executor,
    pub scheduler: Scheduler,
    pub ops: Ops,
    pub log: Log,
    pub intake: Intake,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Data {
    pub dir: PathBuf,
    pub queue_idle_limit: HumanDuration,
    pub max_memory: ByteSize,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Api {
    pub listen: String,
    pub hosts: String,
    pub max_connections: usize,
    pub url: String,
    pub key: String,
    pub bootstrap_key: String,
    pub keys: BTreeMap<String, ApiKey>,
}

/// An entry of `api.keys`; `check` demands what is missing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    #[serde(default)]
    pub key: String,
    pub key_file: Option<PathBuf>,
    /// A customer's id, or `all`.
    #[serde(default)]
    pub customer: String,
    #[serde(default)]
    pub role: String,
}

impl ApiKey {
    /// The customer; `None` for all of them.
    ///
    /// # Errors
    /// Neither an id nor `all`.
    pub fn customer(&self) -> Result<Option<uuid::Uuid>, uuid::Error> {
        if self.customer == "all" { Ok(None) } else { self.customer.parse().map(Some) }
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct Redis {
    pub url: String,
    pub ca_file: String,
    pub connections: usize,
    pub response_timeout: HumanDuration,
    pub accept_loss: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Amqp {
    pub url: String,
    pub prefetch: u16,
    pub confirm_timeout: HumanDuration,
    pub heartbeat: HumanDuration,
    pub events_max_bytes: ByteSize,
    pub rejected_max_bytes: ByteSize,
    pub unrouted_max_bytes: ByteSize,
    pub accept_missing_user_id: bool,
    pub realms: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Engine {
    pub shards: u16,
    pub lease: HumanDuration,
    pub heartbeat_interval: HumanDuration,
    pub poll_interval: HumanDuration,
    pub shutdown_grace: HumanDuration,
    pub ended_retention: HumanDuration,
    pub dedup_rotation: HumanDuration,
    pub feed_length: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Dispatcher {
    pub max_in_flight: usize,
    pub backlog_high: u64,
    pub backlog_low: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Executor {
    pub capacity: usize,
    pub resumes: u32,
    pub actions_per_commit: u32,
    pub messages_per_minute: u32,
    pub bundles: usize,
    pub retry_after: HumanDuration,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Scheduler {
    pub windows_interval: HumanDuration,
    pub depth_interval: HumanDuration,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Ops {
    pub listen: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Json,
    Text,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Intake {
    pub default_customer: uuid::Uuid,
}
