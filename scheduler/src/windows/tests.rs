use super::*;
use adapters::clock::SystemClock;
use adapters::memory::{Limits, ManualTime, Store};
use common::BusError;
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::catalogue::{Publication, Published};
use common::ports::{Bus, Catalogue};
use flow::route::Window;
use flow::route::WindowTransition;
use std::sync::{Arc, Mutex};

struct Harness {
    store: Arc<Store>,
    time: ManualTime,
    bus: Arc<RecordingBus>,
}

/// A bus that keeps the announced transitions: type, time of the transition, time of the record, both in seconds.
#[derive(Default)]
struct RecordingBus {
    announced: Mutex<Vec<String>>,
    away: Mutex<bool>,
}

#[tokio::test]
async fn transitions_that_passed_during_downtime_are_published_once_and_in_order() {
    let harness = Harness::new(100).await;
    tick(&harness).await;
    let expected = ["route.activated 10 100", "route.activated 20 100", "route.expired 30 100"];
    assert_eq!(*harness.bus.announced.lock().unwrap(), expected);
    tick(&harness).await;
    assert_eq!(harness.bus.announced.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_transition_that_was_recorded_but_not_published_is_published_as_it_was_recorded() {
    let harness = Harness::new(11).await;
    let transition = RouteTransition {
        route_id: "call=+15550111".into(),
        transition: WindowTransition::Activated,
        at: at(10),
    };
    harness.store.record_route_transition(&transition).await.unwrap();
    harness.time.set(at(15));
    tick(&harness).await;
    assert_eq!(*harness.bus.announced.lock().unwrap(), ["route.activated 10 11"]);
}

#[tokio::test]
async fn while_the_broker_is_away_an_edge_is_kept_for_the_next_tick() {
    let harness = Harness::new(15).await;
    *harness.bus.away.lock().unwrap() = true;
    tick(&harness).await;
    assert_eq!(harness.published().await, [false]);
    *harness.bus.away.lock().unwrap() = false;
    tick(&harness).await;
    assert_eq!(harness.published().await, [true]);
    assert_eq!(harness.bus.announced.lock().unwrap().len(), 1);
}

#[test]
fn a_route_that_was_deleted_has_no_later_transitions() {
    let mut route = route("call=*", Some(10), Some(30));
    route.closed_at = Some(at(20));
    assert_eq!(
        transitions(&route).into_iter().map(|transition| transition.transition).collect::<Vec<_>>(),
        [WindowTransition::Activated]
    );
}

impl Harness {
    async fn new(now: i64) -> Harness {
        let time = ManualTime::at(at(now));
        let store = Arc::new(Store::new(1, Limits::default(), time.clone()));
        let routes = vec![route("call=+15550111", Some(10), Some(30)), route("sms=*", Some(20), None)];
        let definitions = Definitions { generation: 1, routes, ..Definitions::default() };
        let publication = Publication { definitions, ..Publication::default() };
        assert_eq!(store.publish(&publication).await.unwrap(), Published::Done);
        Harness { store, time, bus: Arc::default() }
    }

    async fn published(&self) -> Vec<bool> {
        let transitions = self.store.route_transitions().await.unwrap();
        transitions.into_iter().map(|record| record.published).collect()
    }
}

/// One tick of a scheduler that has just been started.
async fn tick(harness: &Harness) {
    let ports = Ports {
        upkeep: harness.store.clone(),
        members: harness.store.clone(),
        catalogue: harness.store.clone(),
        bus: harness.bus.clone(),
        clock: Arc::new(SystemClock::default()),
    };
    let shared = Shared::new(1);
    Windows::new(&shared).tick(&ports).await.unwrap();
}

fn route(id: &str, from: Option<i64>, until: Option<i64>) -> Route {
    let (kind, pattern) = id.split_once('=').unwrap();
    Route {
        id: id.into(),
        kind: kind.into(),
        pattern: pattern.into(),
        flow_id: "flow".into(),
        customer_id: "customer".into(),
        priority: 0,
        window: Window { active_from: from.map(at), active_until: until.map(at) },
        closed_at: None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

#[async_trait]
impl Bus for RecordingBus {
    async fn consume(&self) -> Box<dyn Deliveries> {
        unreachable!("a scheduler consumes no events")
    }
    fn publish_all(&self, _: Vec<Message>) -> Vec<Confirm> {
        unreachable!("a scheduler publishes no command")
    }
    fn announce(&self, message: Message) -> Confirm {
        if *self.away.lock().unwrap() {
            let error = BusError::Unconfirmed { to: "events".into(), reason: "away".into() };
            return Box::pin(std::future::ready(Err(error)));
        }
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap();
        let second = |time: &serde_json::Value| {
            time.as_str().unwrap().parse::<Timestamp>().unwrap().as_micros() / 1_000_000
        };
        let (passed, recorded) = (second(&body["data"]["at"]), second(&body["data"]["recorded_at"]));
        self.announced.lock().unwrap().push(format!("{} {passed} {recorded}", message.routing_key));
        Box::pin(std::future::ready(Ok(())))
    }
    fn reject(&self, _: Rejection) -> Confirm {
        unreachable!("a scheduler rejects nothing")
    }
    fn is_up(&self) -> bool {
        true
    }
}
