//! Definitions, transitions, members.

use super::harness::*;
use common::member::{Member, Role};
use common::ports::catalogue::{Publication, Published, RouteTransition};
use common::ports::intake::{Deliver, Delivered};
use common::ports::work::{ClaimRequest, Claimed};
use flow::Definitions;
use flow::route::{Route, Window, WindowTransition};

fn generation(generation: u64) -> Publication {
    Publication { definitions: Definitions { generation, ..Definitions::default() }, bundles: vec![] }
}

pub async fn generations_are_exact(w: &StoreHarness) {
    assert_eq!(w.store.definitions(0).await.unwrap(), None);
    assert_eq!(w.store.publish(&generation(2)).await.unwrap(), Published::Conflict { generation: 0 });
    assert_eq!(w.store.publish(&generation(1)).await.unwrap(), Published::Done);
    assert_eq!(w.store.publish(&generation(2)).await.unwrap(), Published::Done);
    let other = Publication { bundles: vec![("00".into(), vec![1])], ..generation(1) };
    assert_eq!(w.store.publish(&other).await.unwrap(), Published::Conflict { generation: 2 });
    assert_eq!(w.store.definitions(1).await.unwrap().unwrap().generation, 2);
    assert_eq!(w.store.definitions(2).await.unwrap(), None);
    // After a publication no shard accepts an event that was addressed by older definitions.
    for n in 0..8 {
        let call = call(&format!("call-{n}"));
        let older = Deliver { generation: 1, ..call.incoming("e1") };
        assert_eq!(w.store.deliver(&older).await.unwrap(), Delivered::StaleDefinitions { generation: 2 });
        w.applied(&Deliver { generation: 2, ..call.incoming("e1") }).await;
    }
}

pub async fn a_repeated_publication_is_recognised(w: &StoreHarness) {
    for _ in 0..2 {
        assert_eq!(w.store.publish(&generation(1)).await.unwrap(), Published::Done);
    }
    let mut other = generation(1);
    other.definitions.routes.push(Route {
        id: "sim=*".into(),
        kind: "sim".into(),
        pattern: "*".into(),
        flow_id: "flow-1".into(),
        customer_id: CUSTOMER.into(),
        priority: 0,
        window: Window::default(),
        closed_at: None,
    });
    assert_eq!(w.store.publish(&other).await.unwrap(), Published::Conflict { generation: 1 });
    assert_eq!(w.store.publish(&generation(2)).await.unwrap(), Published::Done);
    assert_eq!(w.store.publish(&generation(1)).await.unwrap(), Published::Conflict { generation: 2 });
}

pub async fn bundles_are_there_before_the_definitions_that_name_them(w: &StoreHarness) {
    let publication = Publication { bundles: vec![("aa".into(), b"bundle".to_vec())], ..generation(1) };
    w.store.publish(&publication).await.unwrap();
    assert_eq!(w.store.bundle("aa").await.unwrap(), Some(b"bundle".to_vec()));
    assert_eq!(w.store.bundle("bb").await.unwrap(), None);
    w.store.publish(&generation(2)).await.unwrap();
    assert!(w.store.bundle("aa").await.unwrap().is_some(), "running activeflows need it");
}

pub async fn an_edge_is_recorded_once(w: &StoreHarness) {
    let transition = |at: i64| RouteTransition {
        route_id: "sim=8944*".into(),
        transition: WindowTransition::Activated,
        at: w.now().plus_millis(at),
    };
    let first = w.store.record_route_transition(&transition(-5_000)).await.unwrap();
    assert_eq!((first.recorded_at, first.published), (w.now(), false));
    w.advance(60);
    assert_eq!(w.store.record_route_transition(&first.transition).await.unwrap(), first);
    w.store.route_transition_published(&first.transition).await.unwrap();
    let again = w.store.record_route_transition(&first.transition).await.unwrap();
    assert_eq!((again.recorded_at, again.published), (first.recorded_at, true));
    let earlier = w.store.record_route_transition(&transition(-900_000)).await.unwrap();
    let history: Vec<_> =
        w.store.route_transitions().await.unwrap().into_iter().map(|record| record.transition).collect();
    assert_eq!(history, [earlier.transition, first.transition]);
}

pub async fn a_route_transition_that_was_not_recorded_stays_unknown(w: &StoreHarness) {
    let transition =
        RouteTransition { route_id: "sim=8944*".into(), transition: WindowTransition::Expired, at: w.now() };
    w.store.route_transition_published(&transition).await.unwrap();
    assert!(w.store.route_transitions().await.unwrap().is_empty());
    assert!(!w.store.record_route_transition(&transition).await.unwrap().published);
}

pub async fn the_store_reports_its_time_and_its_shards(w: &StoreHarness) {
    assert_eq!(w.store.shards(), SHARDS);
    assert_eq!(w.store.now().await.unwrap(), w.now());
    w.advance(7);
    assert_eq!(w.store.now().await.unwrap(), w.now());
}

pub async fn the_member_list_shows_heartbeats_and_forgets_members_that_are_gone(w: &StoreHarness) {
    let member = |n: u128, beat: u64| Member {
        id: worker(n),
        role: Role::Executor,
        instance: "here:1".into(),
        heartbeats: beat,
        generation: 3,
        formats: (1, 1),
        consuming: None,
    };
    assert_eq!(w.store.heartbeat(&member(1, 1), &[]).await.unwrap(), [member(1, 1)]);
    assert_eq!(w.store.heartbeat(&member(2, 1), &[]).await.unwrap(), [member(1, 1), member(2, 1)]);
    assert_eq!(w.store.heartbeat(&member(1, 2), &[worker(2)]).await.unwrap(), [member(1, 2)]);
    // The heartbeat count may be lost with the process; the membership must not.
    let members = w.store.members().await.unwrap();
    assert_eq!(members.iter().map(|member| member.id).collect::<Vec<_>>(), [worker(1)]);
    w.store.leave(worker(1)).await.unwrap();
    assert!(w.store.members().await.unwrap().is_empty());
}

pub async fn a_member_that_left_is_forgotten_with_its_claims(w: &StoreHarness) {
    let calls = calls_of_one_shard(2);
    let (shard, one) = (calls[0].shard(), ClaimRequest { max: 1, idle: false });
    for (nonce, call) in [(7, &calls[0]), (1, &calls[1])] {
        w.applied(&call.incoming("e1")).await;
        let Claimed::Rows { rows, .. } = w.store.claim(shard, worker(1), nonce, one).await.unwrap() else {
            panic!("not dead")
        };
        assert_eq!(rows[0].claim.id, call.start("e1").id, "nonce {nonce}");
        w.store.leave(worker(1)).await.unwrap();
    }
}
