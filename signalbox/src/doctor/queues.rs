//! Checks of the command queues of gateways without AMQP, by the API of the process that has them.

use super::finding::{Finding, fail, mib, ok, warn};
use crate::client::Client;
use crate::failure::Failure;
use serde::Deserialize;

const CHECK: &str = "command queues";
/// Share of a queue, in percent, that is worth a warning while nobody acknowledges.
const FILLING: u64 = 50;
/// Time without an acknowledgement that is worth a warning.
const STALLED_MS: u64 = 60_000;

#[derive(Deserialize)]
struct Listed {
    result: Vec<Queue>,
}

#[derive(Deserialize)]
struct Queue {
    name: String,
    condition: String,
    reading: bool,
    waiting: u64,
    bytes: u64,
    max_bytes: u64,
    stalled_ms: u64,
}

/// # Errors
/// The API does not answer, or the key is wrong.
pub async fn examine(client: &Client) -> Result<Vec<Finding>, Failure> {
    let Listed { result } = client.get("/v1/commands/queues").await?;
    Ok(judge(&result))
}

fn judge(queues: &[Queue]) -> Vec<Finding> {
    let findings: Vec<Finding> = queues.iter().filter_map(finding).collect();
    if findings.is_empty() {
        return vec![ok(CHECK, format!("{} command queues, all of them have room", queues.len()))];
    }
    findings
}

fn finding(queue: &Queue) -> Option<Finding> {
    let Queue { name, waiting, bytes, max_bytes, .. } = queue;
    let reader = if queue.reading { "its reader does not acknowledge" } else { "nobody reads it" };
    let found = |condition: &str| {
        let stalled = queue.stalled_ms / 1_000;
        let size = format!("{waiting} commands, {} of {}", mib(*bytes), mib(*max_bytes));
        format!("`{name}` {condition} ({size}): {reader}, for {stalled} s")
    };
    let advice = format!("start its gateway, or remove the queue: signalbox queue remove {name}");
    match queue.condition.as_str() {
        "full" => Some(fail(CHECK, found("is full, and activeflows wait for it"), advice)),
        "set_aside" => Some(warn(CHECK, found("is full and set aside: it takes no more commands"), advice)),
        _ if bytes.saturating_mul(100) >= max_bytes.saturating_mul(FILLING)
            && queue.stalled_ms >= STALLED_MS =>
        {
            Some(warn(CHECK, found("fills up"), advice))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn a_queue_that_holds_up_others_or_soon_will_is_named() {
        let queue = |name: &str, condition: &str, bytes| Queue {
            name: name.into(),
            condition: condition.into(),
            reading: false,
            waiting: 9,
            bytes,
            max_bytes: 100,
            stalled_ms: 90_000,
        };
        let severity = |queues: &[Queue]| -> Vec<Severity> {
            judge(queues).into_iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severity(&[]), [Severity::Ok]);
        assert_eq!(severity(&[queue("a", "open", 10)]), [Severity::Ok]);
        assert_eq!(severity(&[queue("a", "open", 60)]), [Severity::Warn]);
        let both = [queue("a", "set_aside", 99), queue("b", "full", 99), queue("c", "open", 0)];
        assert_eq!(severity(&both), [Severity::Warn, Severity::Fail]);
        let full = &judge(&both)[1];
        assert!(full.found.starts_with("`b` is full") && full.advice.contains("queue remove b"), "{full:?}");
    }
}
