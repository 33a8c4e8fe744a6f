use super::*;
use crate::driver::Reconciler;
use async_trait::async_trait;
use common::BusError;
use common::Shard;
use common::member::{Member, MemberId};
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::catalogue::{Publication, Published};
use common::ports::upkeep::{Depth, Swept, Upkeep};
use common::ports::work::Wakeups;
use common::ports::{Bus, Catalogue, Clock, Members};
use flow::route::{Window, WindowTransition};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct World {
    definitions: Definitions,
    now: Timestamp,
    route_transitions: Mutex<Vec<RouteTransitionRecord>>,
    announced: Mutex<Vec<String>>,
    broker_away: Mutex<bool>,
}

#[tokio::test]
async fn edges_that_passed_during_downtime_are_published_once_and_in_order() {
    let world = world(100);
    tick(&world).await;
    let expected = ["route.activated 10 100", "route.activated 20 100", "route.expired 30 100"];
    assert_eq!(*world.announced.lock().unwrap(), expected);
    tick(&world).await;
    assert_eq!(world.announced.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn an_edge_that_was_recorded_but_not_published_goes_out_as_it_was_recorded() {
    let world = world(15);
    let transition = RouteTransition {
        route_id: "call=+15550111".into(),
        transition: WindowTransition::Activated,
        at: at(10),
    };
    world.route_transitions.lock().unwrap().push(RouteTransitionRecord {
        transition,
        recorded_at: at(11),
        published: false,
    });
    tick(&world).await;
    assert_eq!(*world.announced.lock().unwrap(), ["route.activated 10 11"]);
}

#[tokio::test]
async fn while_the_broker_is_away_an_edge_is_kept_for_the_next_tick() {
    let world = world(15);
    *world.broker_away.lock().unwrap() = true;
    tick(&world).await;
    assert!(!world.route_transitions.lock().unwrap()[0].published);
    *world.broker_away.lock().unwrap() = false;
    tick(&world).await;
    assert!(world.route_transitions.lock().unwrap()[0].published);
    assert_eq!(world.announced.lock().unwrap().len(), 1);
}

#[test]
fn a_route_that_was_deleted_has_no_later_edges() {
    let mut route = route("call=*", Some(10), Some(30));
    route.closed_at = Some(at(20));
    assert_eq!(
        transitions(&route).into_iter().map(|transition| transition.transition).collect::<Vec<_>>(),
        [WindowTransition::Activated]
    );
}

/// One tick of a scheduler that has just been started.
async fn tick(world: &Arc<World>) {
    let ports = Ports {
        upkeep: world.clone(),
        members: world.clone(),
        catalogue: world.clone(),
        bus: world.clone(),
        clock: world.clone(),
    };
    let shared = Shared::new(1);
    Windows::new(&shared).tick(&ports).await.unwrap();
}

fn world(now: i64) -> Arc<World> {
    let routes = vec![route("call=+15550111", Some(10), Some(30)), route("sms=*", Some(20), None)];
    let definitions = Definitions { generation: 1, routes, ..Definitions::default() };
    Arc::new(World { definitions, now: at(now), ..World::default() })
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
impl Catalogue for World {
    async fn publish(&self, _: &Publication) -> Result<Published, StoreError> {
        Ok(Published::Done)
    }
    async fn definitions(&self, than: u64) -> Result<Option<Definitions>, StoreError> {
        Ok((than < self.definitions.generation).then(|| self.definitions.clone()))
    }
    async fn bundle(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
    async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self.now)
    }
    async fn record_route_transition(
        &self,
        transition: &RouteTransition,
    ) -> Result<RouteTransitionRecord, StoreError> {
        let mut transitions = self.route_transitions.lock().unwrap();
        if let Some(stands) = transitions.iter().find(|record| record.transition == *transition) {
            return Ok(stands.clone());
        }
        let record =
            RouteTransitionRecord { transition: transition.clone(), recorded_at: self.now, published: false };
        transitions.push(record.clone());
        Ok(record)
    }
    async fn route_transition_published(&self, transition: &RouteTransition) -> Result<(), StoreError> {
        let mut transitions = self.route_transitions.lock().unwrap();
        transitions
            .iter_mut()
            .filter(|record| record.transition == *transition)
            .for_each(|record| record.published = true);
        Ok(())
    }
    async fn route_transitions(&self) -> Result<Vec<RouteTransitionRecord>, StoreError> {
        Ok(self.route_transitions.lock().unwrap().clone())
    }
}

#[async_trait]
impl Bus for World {
    async fn consume(&self) -> Box<dyn Deliveries> {
        std::future::pending().await
    }
    fn publish(&self, _: Message) -> Confirm {
        Box::pin(std::future::ready(Ok(())))
    }
    fn announce(&self, message: Message) -> Confirm {
        if *self.broker_away.lock().unwrap() {
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
        Box::pin(std::future::ready(Ok(())))
    }
    fn is_up(&self) -> bool {
        true
    }
}

#[async_trait]
impl Upkeep for World {
    async fn sweep(&self, _: Shard, _: &[MemberId]) -> Result<Swept, StoreError> {
        Ok(Swept::default())
    }
    async fn depth(&self, _: Shard) -> Result<Depth, StoreError> {
        Ok(Depth::default())
    }
    async fn listen_due(&self) -> Box<dyn Wakeups> {
        std::future::pending().await
    }
}

#[async_trait]
impl Members for World {
    async fn heartbeat(&self, me: &Member, _: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        Ok(vec![me.clone()])
    }
    async fn leave(&self, _: MemberId) -> Result<(), StoreError> {
        Ok(())
    }
    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Clock for World {
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}
