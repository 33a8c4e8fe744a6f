//! How many messages stand in our queues, as the broker says: each is declared passively now and then, which needs no
//! rights and changes nothing.
//!
//! What is counted is ready to be delivered, not what a consumer holds. While the broker does not answer, the gauges
//! are NaN: an old number would look like a new one. A queue without a leader answers 0; the broker knows no better.

use super::Settings;
use super::connection::{self, Backoff};
use super::topology::{EVENTS, REJECTED, UNROUTED};
use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use metrics::{describe_gauge, gauge};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const QUEUES: [&str; 3] = [EVENTS, REJECTED, UNROUTED];
const MESSAGES: &str = "signalbox_queue_messages";

pub(super) async fn watch(settings: Arc<Settings>, every: Duration, closing: CancellationToken) {
    describe_gauge!(
        MESSAGES,
        "Messages that are ready in a queue of ours; NaN while the broker does not answer"
    );
    tokio::select! {
        () = closing.cancelled() => {}
        () = lives(&settings, every) => {}
    }
}

async fn lives(settings: &Settings, every: Duration) {
    let mut backoff = Backoff::default();
    loop {
        let Err(reason) = life(settings, every, &mut backoff).await;
        QUEUES.iter().for_each(|queue| show(queue, f64::NAN));
        tracing::debug!("the depth of queues is not known: {reason}");
        sleep(every.max(backoff.next())).await;
    }
}

async fn life(settings: &Settings, every: Duration, backoff: &mut Backoff) -> Result<Infallible, String> {
    let connection = connection::open_for(settings, "watch").await.map_err(|e| e.to_string())?;
    let channel = in_time(settings, "opening a channel", connection.create_channel()).await?;
    let reason = loop {
        if let Err(reason) = look(settings, &channel).await {
            break reason;
        }
        backoff.reset();
        sleep(every).await;
    };
    connection::close(connection).await;
    Err(reason)
}

async fn look(settings: &Settings, channel: &Channel) -> Result<(), String> {
    for queue in QUEUES {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let asked = channel.queue_declare(queue.into(), options, FieldTable::default());
        let answer = in_time(settings, &format!("looking at queue {queue}"), asked).await?;
        show(queue, f64::from(answer.message_count()));
    }
    Ok(())
}

async fn in_time<T>(
    settings: &Settings,
    what: &str,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, String> {
    match timeout(settings.confirm_timeout, asked).await {
        Ok(answer) => answer.map_err(|e| format!("{what}: {e}")),
        Err(_) => Err(format!("{what}: no answer within {} ms", settings.confirm_timeout.as_millis())),
    }
}

fn show(queue: &'static str, messages: f64) {
    gauge!(MESSAGES, "queue" => queue).set(messages);
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Keeps gauges by their label.
    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Recorder for Kept {
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
    fn while_the_broker_is_away_no_old_number_stands() {
        let kept = Kept::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        metrics::with_local_recorder(&kept, || {
            show(REJECTED, 7.0);
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
            let every = Duration::from_secs(60);
            let watched = watch(Arc::new(settings), every, CancellationToken::new());
            let _ = runtime.block_on(async { timeout(Duration::from_secs(2), watched).await });
        });
        let kept = kept.0.lock().unwrap();
        let shown =
            kept.iter().map(|(name, bits)| (name.as_str(), f64::from_bits(bits.load(Ordering::Relaxed))));
        let unknown: Vec<&str> = shown.filter(|(_, value)| value.is_nan()).map(|(name, _)| name).collect();
        assert_eq!(unknown, QUEUES.map(|queue| format!("{MESSAGES}={queue}")));
    }
}
