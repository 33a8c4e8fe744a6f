//! Finds problems of this deployment that lose data or reduce speed, and recommends fixes. Changes nothing: it reads the
//! services, times a few small writes, and observes the members for three heartbeats.

mod broker;
mod engine;
mod finding;
mod folder;
mod promises;
mod queues;
mod readiness;
mod redis;
mod settings;

pub use finding::{Finding, Severity};
pub use promises::Promises;

use crate::client;
use crate::config::Config;
use crate::failure::Failure;
use crate::services::reason;
use common::ports::StateStore;
use engine::EngineSnapshot;
use finding::{fail, ok};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Maximum time to wait for the API.
const LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// Guarantees of this deployment; `None` if the state store cannot be read.
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
        let report = folder::examine(config);
        findings.extend(report.findings);
        if report.in_use {
            findings.extend(command_queues(config).await);
        }
    }
    let fails = findings.iter().any(|finding| finding.severity == Severity::Fail);
    let promises = promises.map(|promises| if fails { promises.with_failed_checks() } else { promises });
    Report { findings, promises }
}

async fn on_redis(config: &Config, findings: &mut Vec<Finding>) -> Option<Promises> {
    let report = redis::examine(config).await;
    findings.extend(report.findings);
    if let Some(store) = &report.store {
        findings.extend(watch(store, config).await);
    }
    report.facts.map(|facts| promises::row(Some(&facts), false))
}

async fn watch(store: &dyn StateStore, config: &Config) -> Vec<Finding> {
    let checks = async {
        let clock = engine::clock(store).await?;
        let first = EngineSnapshot::at_store(store, config).await?;
        sleep(config.engine.heartbeat_interval.0 * engine::HEARTBEATS).await;
        let second = EngineSnapshot::at_store(store, config).await?;
        Ok((clock, engine::judge(&first, &second, config.dispatcher.backlog_high)))
    };
    match checks.await {
        Ok((clock, judged)) => [vec![clock], judged].concat(),
        Err(error) => vec![fail("engine", reason(&error), "fix the state store first")],
    }
}

/// Reads the process that uses the folder through its API.
async fn embedded(config: &Config, findings: &mut Vec<Finding>) -> Option<Promises> {
    let report = folder::examine(config);
    findings.extend(report.findings);
    findings.extend(match report.in_use {
        true => [readiness::examine(config).await, watch_api(config).await].concat(),
        false => vec![ok("members", "no process uses this folder; start `signalbox serve`")],
    });
    Some(promises::row(None, report.volatile))
}

async fn watch_api(config: &Config) -> Vec<Finding> {
    let checks = async {
        let client = client::open(config).await?;
        let first = EngineSnapshot::at_api(&client).await?;
        sleep(config.engine.heartbeat_interval.0 * engine::HEARTBEATS).await;
        let second = EngineSnapshot::at_api(&client).await?;
        let mut findings = engine::judge(&first, &second, config.dispatcher.backlog_high);
        if config.amqp.url.is_empty() {
            findings.extend(queues::examine(&client).await?);
        }
        Ok(findings)
    };
    within(LIMIT + config.engine.heartbeat_interval.0 * engine::HEARTBEATS, checks).await
}

async fn command_queues(config: &Config) -> Vec<Finding> {
    let checks = async { queues::examine(&client::open(config).await?).await };
    within(LIMIT, checks).await
}

/// A stopped process still accepts connections.
async fn within(
    limit: Duration,
    checks: impl Future<Output = Result<Vec<Finding>, Failure>>,
) -> Vec<Finding> {
    let silent = || Err(Failure::failed(format!("the API does not answer within {} s", limit.as_secs())));
    timeout(limit, checks).await.unwrap_or_else(|_| silent()).unwrap_or_else(no_api)
}

fn no_api(failure: Failure) -> Vec<Finding> {
    vec![fail(
        "api",
        failure.to_string(),
        "the process that uses the data folder does not answer: check its log, api.listen and api.key",
    )]
}
