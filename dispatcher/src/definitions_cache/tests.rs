use super::*;
use crate::fakes::Harness;

#[tokio::test]
async fn a_shard_that_is_ahead_of_all_definitions_is_reported_once_and_waited_for() {
    let harness = Arc::new(Harness::default());
    harness.publish_through(3).await;
    let dispatcher = harness.dispatcher();
    let captured = CapturedWarnings::default();
    let guard = tracing::subscriber::set_default(captured.clone());
    let publish = async {
        while harness.ports().clock.monotonic() < Duration::from_secs(30) {
            tokio::task::yield_now().await;
        }
        harness.publish_through(9).await;
    };
    tokio::join!(dispatcher.definitions.wait_for(9), dispatcher.definitions.wait_for(9), publish);
    drop(guard);
    assert_eq!(captured.warnings(), ["generation=9 loaded=3"]);
    assert_eq!(dispatcher.definitions.generation(), 9);
}

/// A subscriber that keeps the fields of warnings, without the message.
#[derive(Clone, Default)]
struct CapturedWarnings(Arc<std::sync::Mutex<Vec<String>>>);

impl CapturedWarnings {
    fn warnings(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl tracing::Subscriber for CapturedWarnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.is_event()
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0.join(" "));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[derive(Default)]
struct Fields(Vec<String>);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() != "message" {
            self.0.push(format!("{}={value:?}", field.name()));
        }
    }
}
