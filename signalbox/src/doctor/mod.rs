//! What would lose data or slow things down where this is configured to run, and what to do about it. Nothing is changed:
//! services are asked, a few small writes are timed, and members are watched for three beats.

mod broker;
mod engine;
mod finding;
mod folder;
mod promises;
mod redis;
mod settings;

pub use finding::{Finding, Severity};
pub use promises::Promises;

use crate::client;
use crate::config::Config;
use crate::services::reason;
use common::ports::StateStore;
use engine::Look;
use finding::{fail, ok};
use serde::Serialize;
use tokio::time::sleep;

#[derive(Debug, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// The row of the promise table that applies; `None` when the state store cannot be asked.
    pub promises: Option<Promises>,
}

pub async fn examine(config: &Config) -> Report {
    let mut findings = settings::examine(config);
    let promises = match config.redis.url.is_empty() {
        true => embedded(config, &mut findings).await,
        false => on_redis(config, &mut findings).await,
    };
    if !config.amqp.url.is_empty() {
        findings.extend(broker::examine(config).await);
    } else if !config.redis.url.is_empty() {
        findings.extend(folder::examine(config).findings);
    }
    Report { findings, promises }
}

async fn on_redis(config: &Config, findings: &mut Vec<Finding>) -> Option<Promises> {
    let examined = redis::examine(config).await;
    findings.extend(examined.findings);
    if let Some(store) = &examined.store {
        findings.extend(watch(store, config).await);
    }
    examined.facts.map(|facts| promises::row(Some(&facts), false))
}

async fn watch(store: &dyn StateStore, config: &Config) -> Vec<Finding> {
    let looks = async {
        let clock = engine::clock(store).await?;
        let first = Look::at_store(store, config).await?;
        sleep(config.engine.heartbeat_interval.0 * engine::HEARTBEATS).await;
        let second = Look::at_store(store, config).await?;
        Ok((clock, engine::judge(&first, &second, config.dispatcher.backlog_high)))
    };
    match looks.await {
        Ok((clock, judged)) => [vec![clock], judged].concat(),
        Err(error) => vec![fail("engine", reason(&error), "fix the state store first")],
    }
}

/// Whoever has the folder is asked over its API.
async fn embedded(config: &Config, findings: &mut Vec<Finding>) -> Option<Promises> {
    let examined = folder::examine(config);
    findings.extend(examined.findings);
    findings.extend(match examined.in_use {
        true => watch_api(config).await,
        false => vec![ok("members", "no process uses this folder; start `signalbox serve`")],
    });
    Some(promises::row(None, examined.volatile))
}

async fn watch_api(config: &Config) -> Vec<Finding> {
    let looks = async {
        let client = client::open(config).await?;
        let first = Look::at_api(&client).await?;
        sleep(config.engine.heartbeat_interval.0 * engine::HEARTBEATS).await;
        let second = Look::at_api(&client).await?;
        Ok::<_, crate::failure::Failure>(engine::judge(&first, &second, config.dispatcher.backlog_high))
    };
    match looks.await {
        Ok(judged) => judged,
        Err(failure) => vec![fail(
            "api",
            failure.to_string(),
            "the process that uses the data folder does not answer: check its log, api.listen and at api.key",
        )],
    }
}
