//! The metrics recorder, and the metrics of the process itself.

use super::health::Health;
use crate::failure::Failure;
use crate::http::descriptors;
use metrics::{describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::Arc;
use std::time::Duration;

const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Interval between updates of the readiness gauges and upkeep of the histograms.
const UPKEEP: Duration = Duration::from_secs(5);
/// Interval while a check fails.
const CHECK_AGAIN: Duration = Duration::from_secs(1);

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
    describe_gauge!(
        "signalbox_definitions_generation",
        "Generation of the definitions that the dispatcher knows"
    );
    describe_adapters();
    gauge!("signalbox_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Help for the metrics of the adapters that do not describe their own.
fn describe_adapters() {
    describe_gauge!(
        "signalbox_amqp_connection_up",
        "Whether the connection to the broker for publishing or for consuming is up: 1 or 0"
    );
    describe_gauge!(
        "signalbox_amqp_blocked",
        "Whether the broker blocks publishers, because it is short of memory or disk space: 1 or 0"
    );
    describe_counter!("signalbox_amqp_published_total", "Messages published to the broker, by result");
}

/// Updates the readiness gauges. Never returns.
pub async fn watch(metrics: PrometheusHandle, health: Arc<Health>) {
    loop {
        let checks = health.check().await;
        let is_ready = checks.iter().all(|check| check.ok);
        for check in checks {
            gauge!("signalbox_ready", "check" => check.name).set(f64::from(u8::from(check.ok)));
        }
        metrics.run_upkeep();
        tokio::time::sleep(if is_ready { UPKEEP } else { CHECK_AGAIN }).await;
    }
}

/// The metrics of the process itself, in the format and with the names that Prometheus clients use. Empty on a system
/// without `/proc`.
pub fn text() -> String {
    let Some(usage) = Usage::read() else { return String::new() };
    let samples = [
        (
            "process_cpu_seconds_total",
            "counter",
            "CPU time that the process has used, in seconds",
            usage.cpu_seconds,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Memory that the process has in RAM",
            usage.resident_bytes,
        ),
        ("process_virtual_memory_bytes", "gauge", "Address space of the process", usage.virtual_bytes),
        ("process_threads", "gauge", "Threads of the process", usage.threads),
        (
            "process_open_fds",
            "gauge",
            "Files and sockets that the process has open",
            descriptors::open_files() as f64,
        ),
        (
            "process_start_time_seconds",
            "gauge",
            "When the process started, in seconds since 1970",
            usage.started_at,
        ),
    ];
    let limit = descriptors::soft_limit().map(|limit| {
        ("process_max_fds", "gauge", "Files and sockets that the process may have open", limit as f64)
    });
    samples
        .into_iter()
        .chain(limit)
        .map(|(name, kind, help, value)| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n")
        })
        .collect()
}

/// The numbers of `/proc/self/stat`.
struct Usage {
    cpu_seconds: f64,
    threads: f64,
    /// Seconds since 1970.
    started_at: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Usage {
    fn read() -> Option<Usage> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let boot = std::fs::read_to_string("/proc/stat").ok()?;
        let booted_at = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Usage::of(
            &stat,
            booted_at,
            rustix::param::clock_ticks_per_second() as f64,
            rustix::param::page_size() as f64,
        )
    }

    fn of(stat: &str, booted_at: f64, ticks: f64, page: f64) -> Option<Usage> {
        // The name of the program is in parentheses and may contain blanks and parentheses. Behind it is field 3.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Usage {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            started_at: booted_at + field(22)? / ticks,
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * page,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_process_are_read() {
        let stat =
            "77 (a ) b (c) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 12 0 4000 8192 2 18446744073709551615";
        let usage = Usage::of(stat, 1_000.0, 100.0, 4_096.0).unwrap();
        assert_eq!((usage.cpu_seconds, usage.threads, usage.started_at), (2.0, 12.0, 1_040.0));
        assert_eq!((usage.virtual_bytes, usage.resident_bytes), (8_192.0, 8_192.0));
        assert!(Usage::of("77 (x) R 1", 0.0, 100.0, 4_096.0).is_none());
    }

    #[test]
    fn every_metric_of_the_process_has_help_and_a_type() {
        let text = text();
        for name in
            ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"]
        {
            let lines = text.lines().filter(|line| line.contains(&format!("process_{name} "))).count();
            assert_eq!(lines, 3, "{name}: {text}");
        }
    }
}
