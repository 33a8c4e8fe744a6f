//! Checks of RabbitMQ: connection, version, topology, alarms and queues.

use super::finding::{Finding, fail, ok, warn};
use crate::client::Transport;
use crate::config::{Config, masked_url};
use crate::services::{bus_settings, preflight};
use adapters::amqp::Rejects;
use adapters::amqp::admin;
use adapters::amqp::inspect::{self, QueueStatus};
use adapters::amqp::topology::{self, EVENTS, REJECTED, TopologyError, UNROUTED};
use common::ports::Rejects as _;
use hyper::Method;

const CHECK: &str = "amqp";
const TOPOLOGY: &str = "amqp topology";
const QUEUES: &str = "amqp queues";
const PUBLISHERS: &str = "publishers";
/// Waiting events that are more than a burst.
const MANY_EVENTS: u32 = 10_000;
/// Maximum rejected messages inspected.
const SAMPLE: usize = 100;

pub async fn examine(config: &Config) -> Vec<Finding> {
    let url = &config.amqp.url;
    let version = match admin::probe(url).await {
        Ok(version) => version,
        Err(error) => {
            let advice = "start it, or correct amqp.url, its user, password and vhost";
            return vec![fail(CHECK, error.to_string(), advice)];
        }
    };
    let mut findings = vec![match preflight::broker_too_old(&version) {
        None => ok(CHECK, format!("{} answers, version {version}", masked_url(url))),
        Some(why) => fail(CHECK, why, "upgrade RabbitMQ"),
    }];
    findings.extend(young(&version));
    findings.extend(topology(config).await);
    findings.push(alarm(url).await);
    match inspect::queues(url).await {
        Ok(queues) => findings.extend(judge_queues(&queues)),
        Err(error) => findings.push(fail(QUEUES, error.to_string(), "fix the broker first")),
    }
    findings.push(publishers(config).await);
    findings
}

/// Warns about every queue, because the broker does not report the age of a queue.
fn young(version: &str) -> Option<Finding> {
    version.starts_with("3.10.").then(|| {
        let mut finding = ok("amqp young queues", "version 3.10 may lose a quorum queue if it is killed within minutes of the declaration");
        finding.advice = "after the first `signalbox migrate` restart it once, in order, before traffic: rabbitmqctl stop_app; rabbitmqctl start_app".into();
        finding
    })
}

async fn topology(config: &Config) -> Vec<Finding> {
    match topology::check(&config.amqp.url, &bus_settings(config, "signalbox doctor")).await {
        Ok(()) => vec![ok(TOPOLOGY, "matches this version and these settings")],
        Err(TopologyError::Different { differences, .. }) => differences
            .iter()
            .map(|difference| {
                let text = difference.to_string();
                let (found, advice) = text.split_once("; ").unwrap_or((&text, ""));
                fail(TOPOLOGY, found, advice)
            })
            .collect(),
        Err(error @ TopologyError::Missing { .. }) => {
            vec![fail(TOPOLOGY, error.to_string(), "run `signalbox migrate`")]
        }
        Err(error) => vec![fail(TOPOLOGY, error.to_string(), "fix the broker first")],
    }
}

async fn alarm(url: &str) -> Finding {
    const ALARMS: &str = "amqp alarms";
    match inspect::alarm(url).await {
        Ok(None) => ok(ALARMS, "publishers are not blocked"),
        Ok(Some(why)) => fail(
            ALARMS,
            format!("publishers are blocked: {why}"),
            "free memory or disk space there, or change vm_memory_high_watermark or disk_free_limit",
        ),
        Err(error) => fail(ALARMS, error.to_string(), "fix the broker first"),
    }
}

fn judge_queues(queues: &[QueueStatus]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for QueueStatus { name, messages, consumers } in queues {
        let found = format!("{name}: {messages} messages, {consumers} consumers");
        findings.push(match (*name, *messages) {
            (EVENTS, waiting) if *consumers == 0 => {
                let advice = "start a dispatcher: signalbox dispatcher (or signalbox serve)";
                if waiting > 0 { fail(QUEUES, found, advice) } else { warn(QUEUES, found, advice) }
            }
            (EVENTS, waiting) if waiting >= MANY_EVENTS => {
                warn(QUEUES, found, "the executors or the store cannot keep up; see `lag` and `redis writes`")
            }
            (REJECTED, waiting) if waiting > 0 => {
                warn(QUEUES, found, "`signalbox event rejected list` shows the reasons; fix the source or the flow, then `replay` or `discard`")
            }
            (UNROUTED, waiting) if waiting > 0 => {
                warn(QUEUES, found, "no gateway consumes commands of these types: bind its queue to signalbox.commands")
            }
            _ => ok(QUEUES, found),
        });
    }
    for name in [EVENTS, REJECTED, UNROUTED] {
        if !queues.iter().any(|queue| queue.name == name) {
            let found = format!("{name} does not exist: the broker confirms messages for it and loses them");
            findings.push(fail(QUEUES, found, "run `signalbox migrate`, which declares it again"));
        }
    }
    findings
}

/// Checks whether publishers set the header `reference`. The events queue cannot be inspected while a dispatcher consumes it,
/// so this reads the counters of a dispatcher on this machine or, without one, the rejected events.
async fn publishers(config: &Config) -> Finding {
    const ADVICE: &str = "publishers should set the header `reference` to the subject: it keeps events in order when they are spread over several queues";
    if let Some((without, all)) = counted(&config.ops.listen).await {
        let found = format!(
            "{without} of {all} events came without the header `reference` (counted at {})",
            config.ops.listen
        );
        return if without > 0.0 { warn(PUBLISHERS, found, ADVICE) } else { ok(PUBLISHERS, found) };
    }
    let rejects = Rejects { url: config.amqp.url.clone() };
    match rejects.list(SAMPLE).await {
        Ok(sample) if sample.is_empty() => ok(
            PUBLISHERS,
            "unknown: no dispatcher answers at ops.listen, and there are no rejected events to inspect",
        ),
        Ok(sample) => {
            let without = sample.iter().filter(|message| !message.original.contains_key("reference")).count();
            let found = format!(
                "{without} of {} rejected events had no header `reference` (no other sample is available)",
                sample.len()
            );
            if without > 0 { warn(PUBLISHERS, found, ADVICE) } else { ok(PUBLISHERS, found) }
        }
        Err(error) => ok(PUBLISHERS, format!("unknown: {error}")),
    }
}

/// Number of events without the header and number of all events, counted by the process at `listen`.
async fn counted(listen: &str) -> Option<(f64, f64)> {
    if listen.is_empty() {
        return None;
    }
    let client = crate::client::Client::new(Transport::remote(&format!("http://{listen}")), "");
    let answer =
        client.ask(Method::GET, "/metrics", None).await.ok().filter(|answer| answer.status.is_success())?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let sum = |name: &str| {
        let of = text
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        of.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).reduce(|sum, value| sum + value)
    };
    Some((sum("signalbox_events_without_reference_total")?, sum("signalbox_events_total").unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn unconsumed_events_fail_and_messages_for_an_operator_warn() {
        let queue = |name, messages, consumers| QueueStatus { name, messages, consumers };
        let severity = |queue| judge_queues(&[queue])[0].severity;
        let found: Vec<_> =
            judge_queues(&[]).into_iter().map(|finding| (finding.severity, finding.found)).collect();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|(severity, _)| *severity == Severity::Fail), "{found:?}");
        assert_eq!(severity(queue(EVENTS, 0, 1)), Severity::Ok);
        assert_eq!(severity(queue(EVENTS, 1, 0)), Severity::Fail);
        assert_eq!(severity(queue(EVENTS, 0, 0)), Severity::Warn);
        assert_eq!(severity(queue(EVENTS, MANY_EVENTS, 1)), Severity::Warn);
        assert_eq!(
            (severity(queue(REJECTED, 1, 0)), severity(queue(UNROUTED, 0, 0))),
            (Severity::Warn, Severity::Ok)
        );
    }
}
