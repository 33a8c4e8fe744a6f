//! Gauges of the number of messages per queue, read by a passive declare, which needs no permissions and changes nothing.
//! A deleted queue is reported, and declared again if messages would be lost silently without it.
//!
//! Only ready messages count, not unacknowledged ones. The gauges are NaN while the broker does not answer, so that a
//! stale number is not mistaken for a current one. The broker reports 0 for a queue without a leader.

use super::connection::{self, Backoff};
use super::settings::Settings;
use super::topology::{self, EVENTS, REJECTED, UNROUTED};
use lapin::Connection;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use metrics::{describe_gauge, gauge};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const QUEUES: [&str; 3] = [EVENTS, REJECTED, UNROUTED];
const MESSAGES: &str = "signalbox_queue_messages";
const MISSING: &str = "signalbox_queue_missing";

pub(super) async fn run(settings: Arc<Settings>, interval: Duration, closing: CancellationToken) {
    describe_gauge!(MESSAGES, "Ready messages per queue; NaN while the broker does not answer");
    describe_gauge!(MISSING, "1 if the queue does not exist: messages for it are lost");
    tokio::select! {
        () = closing.cancelled() => {}
        () = update_forever(&settings, interval) => {}
    }
}

async fn update_forever(settings: &Settings, interval: Duration) {
    let mut backoff = Backoff::default();
    let mut missing = BTreeSet::new();
    loop {
        let Err(reason) = update_until_failure(settings, interval, &mut backoff, &mut missing).await;
        QUEUES.iter().for_each(|queue| set_gauge(queue, f64::NAN));
        tracing::debug!("reading queue depths failed: {reason}");
        sleep(interval.max(backoff.next())).await;
    }
}

async fn update_until_failure(
    settings: &Settings,
    interval: Duration,
    backoff: &mut Backoff,
    missing: &mut BTreeSet<&'static str>,
) -> Result<Infallible, String> {
    let connection = connection::open_for(settings, "queue metrics").await.map_err(|e| e.to_string())?;
    let reason = loop {
        if let Err(reason) = update(settings, &connection, missing).await {
            break reason;
        }
        backoff.reset();
        sleep(interval).await;
    };
    connection::close(connection).await;
    Err(reason)
}

async fn update(
    settings: &Settings,
    connection: &Connection,
    missing: &mut BTreeSet<&'static str>,
) -> Result<(), String> {
    for queue in QUEUES {
        let what = format!("reading the depth of queue {queue}");
        match with_timeout(settings, &what, depth(connection, queue)).await? {
            Some(messages) => {
                missing.remove(queue);
                set_gauge(queue, f64::from(messages));
                gauge!(MISSING, "queue" => queue).set(0.0);
            }
            None => {
                set_gauge(queue, f64::NAN);
                gauge!(MISSING, "queue" => queue).set(1.0);
                report_missing(settings, connection, queue, missing.insert(queue)).await;
            }
        }
    }
    Ok(())
}

/// `None` if the queue does not exist. Uses a separate channel: the broker closes it then.
async fn depth(connection: &Connection, queue: &str) -> lapin::Result<Option<u32>> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    match channel.queue_declare(queue.into(), options, FieldTable::default()).await {
        Ok(answer) => Ok(Some(answer.message_count())),
        Err(error) if topology::is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Declares a queue again whose messages would be lost silently: the broker confirms a rejected event or an unrouted
/// command that reaches no queue. Consumers of `signalbox.events` report themselves that it does not exist.
async fn report_missing(settings: &Settings, connection: &Connection, queue: &'static str, is_new: bool) {
    if queue == EVENTS {
        if is_new {
            tracing::error!(
                "queue {queue} does not exist: confirmed events are lost until `signalbox migrate` declares it"
            );
        }
        return;
    }
    let restored = timeout(settings.confirm_timeout, topology::restore(connection, settings, queue)).await;
    match restored.unwrap_or_else(|_| Err("no answer".into())) {
        Ok(()) => tracing::error!(
            "queue {queue} did not exist and was declared again; what it contained, and unrouted commands meanwhile, are lost"
        ),
        Err(reason) if is_new => tracing::error!(
            "queue {queue} does not exist and cannot be declared again: {reason}; run `signalbox migrate`"
        ),
        Err(_) => {}
    }
}

async fn with_timeout<T>(
    settings: &Settings,
    what: &str,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, String> {
    match timeout(settings.confirm_timeout, call).await {
        Ok(answer) => answer.map_err(|e| format!("{what}: {e}")),
        Err(_) => Err(format!("{what}: no answer within {} ms", settings.confirm_timeout.as_millis())),
    }
}

fn set_gauge(queue: &'static str, messages: f64) {
    gauge!(MESSAGES, "queue" => queue).set(messages);
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Records gauges by metric name and label.
    #[derive(Default)]
    struct GaugeRecorder(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Recorder for GaugeRecorder {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            let name = key.labels().map(|label| format!("{}={}", key.name(), label.value())).collect();
            Gauge::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn the_gauges_are_unknown_while_the_broker_does_not_answer() {
        let recorder = GaugeRecorder::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            set_gauge(REJECTED, 7.0);
            let settings = Settings {
                url: "amqp://guest:guest@127.0.0.1:1/%2f".into(),
                events_max_bytes: 1,
                rejected_max_bytes: 1,
                unrouted_max_bytes: 1,
                prefetch: 1,
                confirm_timeout: Duration::from_secs(1),
                heartbeat: 10,
                name: "test".into(),
            };
            let interval = Duration::from_secs(60);
            let running = run(Arc::new(settings), interval, CancellationToken::new());
            let _ = runtime.block_on(async { timeout(Duration::from_secs(2), running).await });
        });
        let gauges = recorder.0.lock().unwrap();
        let shown =
            gauges.iter().map(|(name, bits)| (name.as_str(), f64::from_bits(bits.load(Ordering::Relaxed))));
        let unknown: Vec<&str> = shown.filter(|(_, value)| value.is_nan()).map(|(name, _)| name).collect();
        assert_eq!(unknown, QUEUES.map(|queue| format!("{MESSAGES}={queue}")));
    }
}
