//! Messages that lapin cannot read as the broker sends them: short strings that are not UTF-8, deeply nested headers. Each
//! concerns itself only.

use super::harness::{SOON, next};
use adapters::amqp::{Bus, Rejects};
use adapters::clock::SystemClock;
use adapters::memory::{Limits, ManualTime, Store};
use common::Shard;
use common::ports::bus::Delivery;
use common::ports::catalogue::Publication;
use common::ports::rejects::Selection;
use common::ports::{Bus as _, Catalogue, Rejects as _, Upkeep};
use flow::definitions::Deployed;
use flow::route::{Route, Window};
use flow::{Class, Definitions, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::support::Rabbit;
use tests::support::broker::{depth, prepared, settings};
use tests::support::raw_amqp::{RawProperties, RawPublisher, SHORT_PROPERTIES, long, short};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const EVENTS: &[u8] = b"signalbox.events";
const KEY: &[u8] = b"call.incoming";
const BAD: &[u8] = b"caf\xe9";

/// What is unreadable, and how to publish it with this body.
type Case = (String, Box<dyn Fn(&mut RawPublisher, &[u8]) + Send>);

/// Every property that is a short string, header keys at two depths, and the routing key.
fn cases() -> Vec<Case> {
    let with = |part: &str, properties: RawProperties| -> Case {
        let publish = move |publisher: &mut RawPublisher, body: &[u8]| {
            publisher.publish(EVENTS, KEY, &properties, body);
        };
        (part.to_owned(), Box::new(publish))
    };
    // The broker itself refuses an expiration that is not a number, and the name of another user.
    let accepted = SHORT_PROPERTIES.iter().filter(|(name, _)| !["expiration", "user_id"].contains(name));
    let mut cases: Vec<Case> = accepted
        .map(|(name, place)| {
            with(&format!("property {name}"), RawProperties::default().with_short(*place, BAD))
        })
        .collect();
    let long_id = RawProperties::default().with_short(8, &[0xff; 255]);
    cases.push(with("property message_id", long_id));
    let entry = |key: &[u8], value: Vec<u8>| [short(key), value].concat();
    let inner = entry(BAD, b"V".to_vec());
    let nested = entry(b"outer", [b"F".as_slice(), &long(&inner)].concat());
    for table in [entry(BAD, [b"S".as_slice(), &long(b"x")].concat()), nested] {
        cases.push(with("name of a header", RawProperties::default().with_headers(&table)));
    }
    let plain = RawProperties::default();
    cases.push((
        "routing key".into(),
        Box::new(move |publisher, body| publisher.publish(EVENTS, BAD, &plain, body)),
    ));
    cases
}

fn event(number: usize) -> Vec<u8> {
    format!(
        r#"{{"specversion":"1.0","id":"e{number}","source":"sbc","type":"call.incoming","subject":"call-{number}","data":{{"from":"+15550100","to":"+15550111"}}}}"#
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_property_that_is_not_utf8_breaks_no_session() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let _channel = prepared(&settings).await;
    let mut publisher = RawPublisher::connect(rabbit.port());
    let cases = cases();
    let good = RawProperties::default().with_short(8, b"good");
    for (number, (_, publish)) in cases.iter().enumerate() {
        publisher.publish(EVENTS, KEY, &good, b"good");
        publish(&mut publisher, number.to_string().as_bytes());
    }
    let bus = Bus::connect(settings);
    // The broker encodes the properties of a redelivered message itself.
    for session in 0..3 {
        let mut deliveries = bus.consume().await;
        for (number, (part, _)) in cases.iter().enumerate() {
            let before: Delivery = next(&mut deliveries).await;
            assert_eq!((before.body.as_slice(), before.unreadable), (b"good".as_slice(), None));
            let bad = next(&mut deliveries).await;
            assert_eq!(bad.body, number.to_string().into_bytes());
            assert_eq!(bad.unreadable.as_ref(), Some(part));
            assert_eq!((before.delivery_count, bad.delivery_count), (session, session));
        }
    }
    bus.close().await;
}

/// So the exchange of a delivery is readable.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_refuses_an_exchange_whose_name_is_not_utf8() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let text = RawPublisher::connect(rabbit.port()).refused_exchange(BAD);
    assert!(text.contains("Malformed UTF-8"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn deeply_nested_headers_are_harmless() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let _channel = prepared(&settings).await;
    let mut publisher = RawPublisher::connect(rabbit.port());
    let mut value = b"V".to_vec();
    while value.len() < 100_000 {
        value = [b"A".as_slice(), &long(&value)].concat();
    }
    let table = [short(b"deep"), value, short(b"reference"), [b"S".as_slice(), &long(b"call-1")].concat()];
    publisher.publish(EVENTS, KEY, &RawProperties::default().with_headers(&table.concat()), b"deep");
    publisher.publish(
        b"",
        b"signalbox.rejected",
        &RawProperties::default().with_headers(&table.concat()),
        b"",
    );
    let bus = Bus::connect(settings.clone());
    let delivery = next(&mut bus.consume().await).await;
    assert_eq!(
        (delivery.body.as_slice(), delivery.reference.as_deref()),
        (b"deep".as_slice(), Some("call-1"))
    );
    bus.close().await;
    assert_eq!(Rejects { url: settings.url }.discard(&Selection::All).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rejected_queue_is_usable_with_such_messages_in_it() {
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let mut publisher = RawPublisher::connect(rabbit.port());
    let bad = RawProperties::default().with_short(8, BAD).with_headers(&[short(BAD), b"V".to_vec()].concat());
    for body in [b"1", b"2", b"3"] {
        publisher.publish(b"", b"signalbox.rejected", &bad, body);
    }
    let rejects = Rejects { url: settings.url };
    let mut listed = rejects.list(10).await.expect("a list");
    listed.sort_by(|a, b| a.body.cmp(&b.body));
    let bodies: Vec<_> = listed.iter().map(|entry| entry.body.as_slice()).collect();
    assert_eq!(bodies, [b"1", b"2", b"3"]);
    assert_eq!(listed[0].original.get("message_id").map(String::as_str), Some("caf?"));
    let only = |number: usize| Selection::Ids([listed[number].id.clone()].into());
    assert_eq!(rejects.discard(&only(1)).await, Ok(1));
    assert_eq!(rejects.replay(&only(0)).await, Ok(1));
    assert_eq!(rejects.discard(&Selection::All).await, Ok(1));
    assert_eq!(rejects.list(10).await, Ok(Vec::new()));
    assert_eq!(depth(&channel, "signalbox.events").await, 1);
}

/// Of 400 confirmed calls, 63 were rejected and 60 never started when four such messages were among them.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_unreadable_messages_are_rejected_and_every_call_starts() {
    const CALLS: usize = 400;
    let rabbit = tokio::task::block_in_place(Rabbit::shared);
    let settings = settings(&rabbit.url());
    let channel = prepared(&settings).await;
    let mut publisher = RawPublisher::connect(rabbit.port());
    let cases = cases();
    for number in 0..CALLS {
        publisher.publish(EVENTS, KEY, &RawProperties::default(), &event(number));
        if let Some((_, publish)) = cases.get(number / 10).filter(|_| number % 10 == 0) {
            publish(&mut publisher, &event(CALLS + number));
        }
    }
    let (bus, store) = (Arc::new(Bus::connect(settings.clone())), routed_store().await);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(dispatcher::run(ports(&bus, &store), config(), shutdown.clone()));
    until_started(&store, CALLS).await;
    let rejects = Rejects { url: settings.url };
    let until = Instant::now() + SOON;
    while depth(&channel, "signalbox.rejected").await < u32::try_from(cases.len()).expect("few") {
        assert!(Instant::now() < until, "not all are rejected");
        sleep(Duration::from_millis(20)).await;
    }
    shutdown.cancel();
    running.await.expect("no panic");
    bus.close().await;
    assert_eq!(depth(&channel, "signalbox.events").await, 0);
    let listed = rejects.list(1_000).await.expect("a list");
    assert_eq!(listed.len(), cases.len());
    for (part, _) in &cases {
        let found = listed.iter().find(|entry| entry.message.contains(part.as_str()));
        let entry = found.unwrap_or_else(|| panic!("{part} is not listed"));
        assert_eq!(entry.reason, "unreadable_property");
        assert!(entry.body.starts_with(b"{\"specversion\""));
    }
    assert_eq!(rejects.discard(&Selection::All).await, Ok(cases.len()));
}

async fn until_started(store: &Store, calls: usize) {
    let until = Instant::now() + SOON;
    loop {
        let depth = store.depth(Shard(0)).await.expect("a depth");
        let started = usize::try_from(depth.new + depth.resumed).expect("few");
        if started == calls {
            return;
        }
        assert!(Instant::now() < until, "{started} of {calls} calls started");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn routed_store() -> Arc<Store> {
    let store = Store::new(1, Limits::default(), ManualTime::at(Timestamp::from_micros(1)));
    let route = Route {
        id: "call=*".into(),
        kind: "call".into(),
        pattern: "*".into(),
        flow_id: "flow".into(),
        customer_id: "acme".into(),
        priority: 0,
        window: Window::default(),
        closed_at: None,
    };
    let flow = Deployed {
        id: "flow".into(),
        name: "Support".into(),
        customer_id: "acme".into(),
        version: 1,
        bundle: "ab".repeat(32),
        trigger: Some("call.incoming".into()),
        class: Class::Voice,
        hears: ["call.hangup".to_owned()].into(),
        deployed_at: Timestamp::default(),
    };
    let definitions =
        Definitions { generation: 1, flows: [("flow".to_owned(), flow)].into(), routes: vec![route] };
    store.publish(&Publication { definitions, ..Publication::default() }).await.expect("published");
    Arc::new(store)
}

fn ports(bus: &Arc<Bus>, store: &Arc<Store>) -> dispatcher::Ports {
    dispatcher::Ports {
        bus: bus.clone(),
        intake: store.clone(),
        catalogue: store.clone(),
        members: store.clone(),
        upkeep: store.clone(),
        clock: Arc::new(SystemClock::default()),
        eager: None,
    }
}

fn config() -> dispatcher::Config {
    let second = Duration::from_secs(1);
    dispatcher::Config {
        instance: "test".into(),
        realms: dispatcher::Realms::default(),
        max_in_flight: 64,
        backlog_high: 10_000,
        backlog_low: 5_000,
        heartbeat_interval: second,
        shutdown_grace: second * 5,
    }
}
