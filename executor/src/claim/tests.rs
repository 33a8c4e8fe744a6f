use super::*;
use crate::fakes::{World, config, nacked, row, stuck, world};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Suspects have ids from 100 on.
#[tokio::test]
async fn suspects_are_claimed_in_groups_by_an_executor_that_holds_nothing_else() {
    let world = world();
    let healthy = (1..=3).map(|n| row(n, Suspect::No)).collect();
    world.ready.lock().unwrap().insert(Shard(0), healthy);
    let first = vec![row(100, Suspect::Group), row(101, Suspect::Group)];
    let second = vec![row(102, Suspect::Alone)];
    world.suspects.lock().unwrap().insert(Shard(0), VecDeque::from([first, second]));
    serve_while(&world, |world| {
        !world.suspects.lock().unwrap()[&Shard(0)].is_empty() || !world.held.lock().unwrap().is_empty()
    })
    .await;
    let log = world.log();
    let idle: Vec<&String> = log.iter().filter(|line| line.starts_with("idle")).collect();
    assert!(idle.len() >= 2 && idle.iter().all(|line| *line == "idle claim of 0 holding 0"), "{log:?}");
    assert!(!log.iter().any(|line| line == "claimed beside suspects"), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains("Park")).count(), 6);
    assert_eq!(log.last().map(String::as_str), Some("leave"));
}

#[tokio::test]
async fn a_suspect_that_cannot_move_does_not_stop_ordinary_work() {
    let world = world();
    world.suspects.lock().unwrap().insert(Shard(0), VecDeque::from([vec![stuck(100, Suspect::Group)]]));
    let tried = |world: &World| world.log().iter().filter(|line| *line == "release").count();
    serve_while(&world, |world| {
        if tried(world) == 1 {
            world.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
        }
        !world.log().iter().any(|line| line.ends_with("Park")) || tried(world) < 3
    })
    .await;
    assert!(!world.log().iter().any(|line| line == "claimed beside suspects"), "{:?}", world.log());
}

#[tokio::test]
async fn a_shutdown_gives_back_what_is_held_and_then_leaves() {
    let world = Arc::new(World::default());
    world.ready.lock().unwrap().insert(Shard(1), vec![row(1, Suspect::No)]);
    serve_while(&world, |world| world.held.lock().unwrap().is_empty()).await;
    assert_eq!(world.log()[world.log().len() - 2..], ["release", "leave"]);
    assert!(world.held.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_finished_within_the_grace_period_is_given_back() {
    let world = world();
    world.confirms.lock().unwrap().extend((0..100).map(|_| nacked()));
    world.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    serve_while(&world, |world| !world.log().iter().any(|line| line == "publish 1")).await;
    assert_eq!(world.log()[world.log().len() - 2..], ["release", "leave"]);
    assert!(world.held.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_executor_that_was_declared_dead_goes_on_under_another_id() {
    let world = world();
    world.dies.store(true, Ordering::Relaxed);
    world.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    serve_while(&world, |world| !world.log().iter().any(|line| line.ends_with("Park"))).await;
    assert!(!world.dies.load(Ordering::Relaxed));
}

async fn serve_while(world: &Arc<World>, unfinished: impl Fn(&World) -> bool) {
    let shutdown = CancellationToken::new();
    let watch = async {
        while unfinished(world) {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(crate::run(world.ports(), config(), shutdown.clone()), watch) };
    tokio::time::timeout(Duration::from_secs(5), both).await.expect("it comes to an end");
}

/// Claims of an executor that is assignment and whose broker is away.
fn away(world: &Arc<World>) -> Claims {
    let executor = Arc::new(world.executor());
    executor.broker.overdue();
    let (membership, _) = Membership::begin(executor.clone());
    let mut claims = Claims::new(executor, membership);
    claims.me = Some(Assignment { id: MemberId::from(1), shards: [Shard(0)].into() });
    claims.scheduler.mark_ready([Shard(0)]);
    claims
}

#[tokio::test]
async fn while_the_broker_is_away_what_needs_no_confirm_is_done_without_a_pause() {
    let world = world();
    let rows = (1..=5).map(|n| {
        let mut row = row(n, Suspect::No);
        row.inbox.clear();
        row
    });
    world.ready.lock().unwrap().insert(Shard(0), rows.collect());
    let mut claims = away(&world);
    for _ in 0..5 {
        claims.ask();
        let answer = claims.asking.next().await.unwrap();
        claims.take(answer);
        assert_eq!((claims.running.len(), claims.next()), (1, None));
        let done = claims.running.join_next_with_id().await.unwrap();
        claims.done(done);
    }
    assert_eq!(world.log().iter().filter(|line| line.ends_with("Park")).count(), 5);
    assert_eq!(world.ports().clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_connection_that_is_back_is_probed_at_once() {
    let world = world();
    let mut claims = away(&world);
    claims.scheduler.probed(Duration::ZERO);
    world.down.store(true, Ordering::Relaxed);
    assert_eq!(claims.next(), None);
    world.down.store(false, Ordering::Relaxed);
    assert!(claims.next().is_some());
}

#[tokio::test]
async fn what_panics_is_given_back_at_once_three_times() {
    let world = world();
    world.panics.store(true, Ordering::Relaxed);
    world.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    let executor = Arc::new(world.executor());
    let (membership, _) = Membership::begin(executor.clone());
    let mut claims = Claims::new(executor, membership);
    claims.me = Some(Assignment { id: MemberId::from(1), shards: [Shard(0)].into() });
    for released in [1, 2, 3, 3] {
        claims.scheduler.mark_ready([Shard(0)]);
        claims.ask();
        claims.finish().await;
        assert_eq!(world.log(), vec!["release"; released]);
    }
    assert_eq!(world.held.lock().unwrap().len(), 1, "the store still counts it as claimed");
}
