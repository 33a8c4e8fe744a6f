//! The metrics recorder, and the metrics of the process itself.

use super::readiness::Readiness;
use crate::failure::Failure;
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Interval between updates of the process gauges and upkeep of the histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// Interval while a check fails.
const CHECK_AGAIN: Duration = Duration::from_secs(1);
/// Linux counts memory in pages of this size on every platform that we build for.
const PAGE_BYTES: f64 = 4_096.0;

/// Installs the metrics recorder of this process. Call it once.
///
/// # Errors
/// A recorder is already installed.
pub fn install_metrics() -> Result<PrometheusHandle, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::failed(format!("metrics cannot be recorded: {error}"));
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .map_err(|error| failed(&error))?
        .install_recorder()
        .map_err(|error| failed(&error))?;
    describe_gauge!("signalbox_build_info", "Always 1; its label is the version");
    describe_gauge!("signalbox_ready", "Whether a check of /readyz passes: 1 or 0");
    describe_gauge!("process_start_time_seconds", "When the process started, in seconds since 1970");
    describe_gauge!("process_resident_memory_bytes", "Memory that the process has in RAM");
    describe_gauge!(
        "signalbox_definitions_generation",
        "Generation of the definitions that the dispatcher knows"
    );
    gauge!("signalbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!("process_start_time_seconds").set(started.as_secs_f64());
    Ok(handle)
}

/// Updates the process gauges. Never returns.
pub async fn watch_process(metrics: PrometheusHandle, readiness: Arc<Readiness>) {
    loop {
        if let Some(bytes) = resident_bytes().await {
            gauge!("process_resident_memory_bytes").set(bytes);
        }
        let checks = readiness.check().await;
        let is_ready = checks.iter().all(|check| check.ok);
        for check in checks {
            gauge!("signalbox_ready", "check" => check.name).set(f64::from(u8::from(check.ok)));
        }
        metrics.run_upkeep();
        tokio::time::sleep(if is_ready { UPKEEP } else { CHECK_AGAIN }).await;
    }
}

async fn resident_bytes() -> Option<f64> {
    let statm = tokio::fs::read_to_string("/proc/self/statm").await.ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}
