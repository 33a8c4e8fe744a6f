//! Definitions, edges, members.

use super::world::*;
use common::member::{Member, Role};
use common::ports::catalogue::{Edge, Publication, Published};
use common::ports::intake::{Deliver, Delivered};
use flow::Definitions;

fn generation(generation: u64) -> Publication {
    Publication { definitions: Definitions { generation, ..Definitions::default() }, bundles: vec![] }
}

pub async fn generations_are_exact(w: &World) {
    assert_eq!(w.store.definitions(0).await.unwrap(), None);
    assert_eq!(w.store.publish(&generation(2)).await.unwrap(), Published::Conflict { generation: 0 });
    assert_eq!(w.store.publish(&generation(1)).await.unwrap(), Published::Done);
    assert_eq!(w.store.publish(&generation(2)).await.unwrap(), Published::Done);
    let other = Publication { bundles: vec![("00".into(), vec![1])], ..generation(1) };
    assert_eq!(w.store.publish(&other).await.unwrap(), Published::Conflict { generation: 2 });
    assert_eq!(w.store.definitions(1).await.unwrap().unwrap().generation, 2);
    assert_eq!(w.store.definitions(2).await.unwrap(), None);
    // Published means that no shard takes an event that was addressed by older definitions.
    for n in 0..8 {
        let call = call(&format!("call-{n}"));
        let older = Deliver { generation: 1, ..call.incoming("e1") };
        assert_eq!(w.store.deliver(&older).await.unwrap(), Delivered::StaleDefinitions { generation: 2 });
        w.applied(&Deliver { generation: 2, ..call.incoming("e1") }).await;
    }
}

pub async fn bundles_are_there_before_the_definitions_that_name_them(w: &World) {
    let publication = Publication { bundles: vec![("aa".into(), b"bundle".to_vec())], ..generation(1) };
    w.store.publish(&publication).await.unwrap();
    assert_eq!(w.store.bundle("aa").await.unwrap(), Some(b"bundle".to_vec()));
    assert_eq!(w.store.bundle("bb").await.unwrap(), None);
    w.store.publish(&generation(2)).await.unwrap();
    assert!(w.store.bundle("aa").await.unwrap().is_some(), "running activeflows pin it");
}

pub async fn an_edge_is_recorded_once(w: &World) {
    let edge = |at: i64| Edge {
        route_id: "sim=8944*".into(),
        edge: "activated".into(),
        at: w.now().plus_millis(at),
    };
    let first = w.store.record_edge(&edge(-5_000)).await.unwrap();
    assert_eq!((first.recorded_at, first.published), (w.now(), false));
    w.advance(60);
    assert_eq!(w.store.record_edge(&first.edge).await.unwrap(), first);
    w.store.edge_published(&first.edge).await.unwrap();
    let again = w.store.record_edge(&first.edge).await.unwrap();
    assert_eq!((again.recorded_at, again.published), (first.recorded_at, true));
    let earlier = w.store.record_edge(&edge(-900_000)).await.unwrap();
    let history: Vec<_> = w.store.edges().await.unwrap().into_iter().map(|record| record.edge).collect();
    assert_eq!(history, [earlier.edge, first.edge]);
}

pub async fn the_roll_knows_who_beats_and_forgets_who_is_gone(w: &World) {
    let member = |n: u128, beat: u64| Member {
        id: worker(n),
        role: Role::Executor,
        place: "here:1".into(),
        beat,
        generation: 3,
        formats: (1, 1),
    };
    assert_eq!(w.store.beat(&member(1, 1), &[]).await.unwrap(), [member(1, 1)]);
    assert_eq!(w.store.beat(&member(2, 1), &[]).await.unwrap(), [member(1, 1), member(2, 1)]);
    assert_eq!(w.store.beat(&member(1, 2), &[worker(2)]).await.unwrap(), [member(1, 2)]);
    w.store.leave(worker(1)).await.unwrap();
    assert!(w.store.members().await.unwrap().is_empty());
}
