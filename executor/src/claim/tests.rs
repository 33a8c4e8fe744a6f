use super::*;
use crate::fakes::{Harness, config, harness, nacked, row, stuck};
use common::EventKey;
use common::ports::EagerStarts;
use common::ports::eager::Place;
use common::ports::intake::{Deliver, Destination};
use common::record::Start;
use flow::Timestamp;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// Suspects have ids from 100 on.
#[tokio::test]
async fn suspects_are_claimed_in_groups_by_an_executor_that_holds_nothing_else() {
    let harness = harness().await;
    let healthy = (1..=3).map(|n| row(n, Suspect::No)).collect();
    harness.ready.lock().unwrap().insert(Shard(0), healthy);
    let first = vec![row(100, Suspect::Group), row(101, Suspect::Group)];
    let second = vec![row(102, Suspect::Alone)];
    harness.suspects.lock().unwrap().insert(Shard(0), VecDeque::from([first, second]));
    serve_while(&harness, |harness| {
        !harness.suspects.lock().unwrap()[&Shard(0)].is_empty() || !harness.claimed.lock().unwrap().is_empty()
    })
    .await;
    let log = harness.log();
    let idle: Vec<&String> = log.iter().filter(|line| line.starts_with("idle")).collect();
    assert!(idle.len() >= 2 && idle.iter().all(|line| *line == "idle claim of 0 holding 0"), "{log:?}");
    assert!(!log.iter().any(|line| line == "claimed beside suspects"), "{log:?}");
    assert_eq!(log.iter().filter(|line| line.contains("Park")).count(), 6);
    assert_eq!(log.last().map(String::as_str), Some("leave"));
}

#[tokio::test]
async fn a_suspect_that_cannot_move_does_not_stop_other_work() {
    let harness = harness().await;
    harness.suspects.lock().unwrap().insert(Shard(0), VecDeque::from([vec![stuck(100, Suspect::Group)]]));
    let tried = |harness: &Harness| harness.log().iter().filter(|line| *line == "release").count();
    serve_while(&harness, |harness| {
        if tried(harness) == 1 {
            harness.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
        }
        !harness.log().iter().any(|line| line.ends_with("Park")) || tried(harness) < 3
    })
    .await;
    assert!(!harness.log().iter().any(|line| line == "claimed beside suspects"), "{:?}", harness.log());
}

#[tokio::test]
async fn a_shutdown_releases_the_claims_and_then_leaves() {
    let harness = Arc::new(Harness::default());
    harness.ready.lock().unwrap().insert(Shard(1), vec![row(1, Suspect::No)]);
    serve_while(&harness, |harness| harness.claimed.lock().unwrap().is_empty()).await;
    assert_eq!(harness.log()[harness.log().len() - 2..], ["release", "leave"]);
    assert!(harness.claimed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_finished_within_the_grace_period_is_given_back() {
    let harness = harness().await;
    harness.confirms.lock().unwrap().extend((0..100).map(|_| nacked()));
    harness.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    serve_while(&harness, |harness| !harness.log().iter().any(|line| line == "publish 1")).await;
    assert_eq!(harness.log()[harness.log().len() - 2..], ["release", "leave"]);
    assert!(harness.claimed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_executor_that_was_declared_dead_goes_on_under_another_id() {
    let harness = harness().await;
    harness.dies.store(true, Ordering::Relaxed);
    harness.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    serve_while(&harness, |harness| !harness.log().iter().any(|line| line.ends_with("Park"))).await;
    assert!(!harness.dies.load(Ordering::Relaxed));
}

async fn serve_while(harness: &Arc<Harness>, unfinished: impl Fn(&Harness) -> bool) {
    let shutdown = CancellationToken::new();
    let watch = async {
        while unfinished(harness) {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let both = async { tokio::join!(crate::run(harness.ports(), config(), shutdown.clone()), watch) };
    tokio::time::timeout(Duration::from_secs(5), both).await.expect("the executor stops");
}

/// The claim loop of an executor that has an assignment and whose broker is away.
fn away(harness: &Arc<Harness>) -> ClaimLoop {
    let claims = assigned(harness);
    claims.executor.broker.overdue();
    claims
}

/// The claim loop of an executor that has an assignment.
fn assigned(harness: &Arc<Harness>) -> ClaimLoop {
    let executor = Arc::new(harness.executor());
    let (membership, _) = Membership::begin(executor.clone());
    let mut claims = ClaimLoop::new(executor, membership);
    claims.assignment = Some(Assignment { id: MemberId::from(1), shards: Arc::new([Shard(0)].into()) });
    claims.scheduler.mark_ready([Shard(0)]);
    claims
}

#[tokio::test]
async fn while_the_broker_is_away_work_without_commands_runs_without_a_pause() {
    let harness = harness().await;
    let rows = (1..=5).map(|n| {
        let mut row = row(n, Suspect::No);
        row.inbox.clear();
        row
    });
    harness.ready.lock().unwrap().insert(Shard(0), rows.collect());
    let mut claims = away(&harness);
    for _ in 0..5 {
        claims.send_requests(0);
        let answer = claims.requests.next().await.unwrap();
        claims.handle_answer(answer);
        assert_eq!((claims.running.len(), claims.next_request(0)), (1, None));
        let ended = claims.running.join_next_with_id().await.unwrap();
        claims.task_ended(ended);
    }
    assert_eq!(harness.log().iter().filter(|line| line.ends_with("Park")).count(), 5);
    assert_eq!(harness.ports().clock.monotonic(), Duration::ZERO);
}

#[tokio::test]
async fn a_connection_that_is_back_is_probed_at_once() {
    let harness = harness().await;
    let mut claims = away(&harness);
    claims.scheduler.probe_sent(Duration::ZERO);
    harness.down.store(true, Ordering::Relaxed);
    assert_eq!(claims.next_request(0), None);
    harness.down.store(false, Ordering::Relaxed);
    assert!(claims.next_request(0).is_some());
}

#[tokio::test]
async fn an_activeflow_whose_task_panics_is_released_at_once_three_times() {
    let harness = harness().await;
    harness.panics.store(true, Ordering::Relaxed);
    harness.ready.lock().unwrap().insert(Shard(0), vec![row(1, Suspect::No)]);
    let executor = Arc::new(harness.executor());
    let (membership, _) = Membership::begin(executor.clone());
    let mut claims = ClaimLoop::new(executor, membership);
    claims.assignment = Some(Assignment { id: MemberId::from(1), shards: Arc::new([Shard(0)].into()) });
    for released in [1, 2, 3, 3] {
        claims.scheduler.mark_ready([Shard(0)]);
        claims.send_requests(0);
        claims.finish().await;
        assert_eq!(harness.log(), vec!["release"; released]);
    }
    assert_eq!(harness.claimed.lock().unwrap().len(), 1, "the store still counts it as claimed");
}

/// A delivery that starts the activeflow of `row`.
fn starting(row: &Row) -> Deliver {
    let spec = row.record.spec.clone();
    let owner = Some(Start { id: row.claim.id, class: row.record.class, spec });
    Deliver {
        key: EventKey::of(&["e1"]),
        shard: row.claim.shard,
        generation: 1,
        to: Destination::Reference { key: [0; 16], owner, sides: Vec::new() },
        kind: "call.incoming".into(),
        input: row.trigger.clone(),
        single_use: None,
        always_fits: false,
        eager: None,
    }
}

/// Takes a place as soon as the executor offers one.
async fn place(harness: &Harness, event: &Deliver) -> Box<dyn Place> {
    loop {
        if let Some(place) = harness.eager.clone().place(event) {
            return place;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_eager_start_runs_and_an_abandoned_place_is_released() {
    let harness = harness().await;
    let row = row(1, Suspect::No);
    let event = starting(&row);
    let given = async {
        let (begun, abandoned) = (place(&harness, &event).await, place(&harness, &event).await);
        begun.begin(&event, StoreTime { answered: Timestamp::default(), received_at: Duration::ZERO });
        drop(abandoned);
    };
    let ran = serve_while(&harness, |harness| {
        let log = harness.log();
        !log.iter().any(|line| line.ends_with("Park")) || !log.iter().any(|line| line == "release")
    });
    tokio::join!(ran, given);
    assert_eq!(harness.log().last().map(String::as_str), Some("leave"));
}

#[tokio::test]
async fn an_executor_whose_places_have_no_outcome_does_not_leave() {
    let harness = harness().await;
    let event = starting(&row(1, Suspect::No));
    let taken: Mutex<Option<Box<dyn Place>>> = Mutex::default();
    let ran = serve_while(&harness, |_| taken.lock().unwrap().is_none());
    let given = async { *taken.lock().unwrap() = Some(place(&harness, &event).await) };
    tokio::join!(ran, given);
    assert_ne!(harness.log().last().map(String::as_str), Some("leave"), "a claim may come yet");
}

/// Whether the executor offers a place.
fn offers(claims: &mut ClaimLoop, harness: &Harness) -> bool {
    let promised = harness.eager.withdraw();
    claims.offer_places(promised);
    let place = harness.eager.clone().place(&starting(&row(1, Suspect::No)));
    place.map(|place| place.give_back()).is_some()
}

#[tokio::test]
async fn no_place_is_offered_beside_suspects_or_while_the_broker_is_away() {
    let harness = harness().await;
    assert!(!offers(&mut away(&harness), &harness));
    let mut claims = assigned(&harness);
    assert!(offers(&mut claims, &harness));
    let (shard, want) = claims.next_request(0).unwrap();
    let result = ClaimResult { rows: 0, suspects: 0, suspects_waiting: 1 };
    claims.scheduler.answered(shard, want, result, true);
    assert!(!offers(&mut claims, &harness), "suspects wait");
    assert_eq!(claims.next_request(1), None, "a place is taken: something else may be claimed");
    assert!(claims.next_request(0).is_some_and(|(_, want)| want.idle));
    assert!(!offers(&mut claims, &harness), "suspects are requested");
}
