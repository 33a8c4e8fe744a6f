//! The Redis store with a silent server, and late calls from an abandoned connection.

use super::harness::*;
use common::StoreError;
use common::ports::intake::Delivered;
use common::ports::work::{CommitOutcome, Disposition};
use common::ports::{Intake, Lookup, Upkeep, Work};
use std::time::Duration;
use tests::support::{Hold, RedisOptions};
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// A silent connection is still open for TCP, so that there is neither an error nor a keepalive failure: three consecutive
/// timeouts replace it (`Link::run`). Calls that the old connection still holds reach the server after newer ones and change
/// nothing: `commit.lua` compares claim and version, `deliver.lua` recognises the event.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_replaced_and_what_it_delivers_late_changes_nothing() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), SHORT);
    store.deliver(&event("first")).await.unwrap();
    let row = claim_one(&store).await;
    let (connections, before) = (proxy.accepted(), calls(&redis, "evalsha"));
    proxy.hold(Hold::Requests);
    for version in 0..2 {
        let late = store.commit(&row.claim, version, &transition("late", 0), &Disposition::KeepClaim).await;
        assert!(matches!(late, Err(StoreError::Unanswered { .. })), "{late:?}");
    }
    let late = store.deliver(&event("second")).await;
    assert!(matches!(late, Err(StoreError::Unanswered { .. })), "{late:?}");

    assert!(matches!(store.deliver(&event("second")).await, Ok(Delivered::Applied { .. })));
    assert!(proxy.accepted() > connections);
    for version in 0..2 {
        let made = transition(&format!("\u{1}body {version}"), 0);
        let outcome = store.commit(&row.claim, version, &made, &Disposition::KeepClaim).await.unwrap();
        assert_eq!(outcome, CommitOutcome::ClaimKept { version: version + 1 });
    }
    let found = store.get(started("first")).await.unwrap();
    let newer = calls(&redis, "evalsha");

    proxy.release();
    until("the held calls reach the server", async || calls(&redis, "evalsha") >= newer + 3).await;
    assert!(newer >= before + 3);
    assert_eq!(store.get(started("first")).await.unwrap(), found);
    assert_eq!(found.unwrap().record.body, b"\x01body 1");
    assert_eq!(store.depth(SHARD).await.unwrap().new, 1);
}

/// One or two timeouts mean a slow server: the connection is kept, and late answers are dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_moment_costs_no_connection() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), SHORT);
    store.deliver(&event("first")).await.unwrap();
    until("the wakeups listen", async || proxy.accepted() == 2).await;
    for name in ["second", "third", "fourth"] {
        for _ in 0..2 {
            proxy.hold(Hold::Replies);
            assert!(store.deliver(&event(name)).await.is_err());
        }
        proxy.release();
        assert_eq!(store.deliver(&event(name)).await.unwrap(), Delivered::Duplicate);
    }
    assert_eq!(proxy.accepted(), 2);
}

/// An answer may take as long as the setting says, not only the 500 ms of redis-rs (`Link::new`): a server that waits for its
/// disk is sometimes slow, and an abandoned call is a repeated call.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_waited_for() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), LONG);
    store.deliver(&event("first")).await.unwrap();
    proxy.hold(Hold::Replies);
    let second = event("second");
    let (slow, ()) = tokio::join!(store.deliver(&second), async {
        sleep(Duration::from_millis(1_500)).await;
        proxy.release();
    });
    assert!(matches!(slow, Ok(Delivered::Applied { .. })), "{slow:?}");
}

/// A server that accepts connections and does not answer: connecting and calling both fail within the timeout, and calls
/// succeed as soon as the server answers. `Link::new` sets both timeouts from the same setting.
#[tokio::test(flavor = "multi_thread")]
async fn connecting_into_a_black_hole_ends_in_time() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    proxy.hold_new(Hold::Both);
    let store = store(proxy.port(), SHORT);
    for _ in 0..5 {
        let asked = within("a call without an answer", store.deliver(&event("first"))).await;
        assert!(matches!(asked, Err(StoreError::Unanswered { .. })), "{asked:?}");
    }
    proxy.release();
    until("it is answered", async || store.deliver(&event("first")).await.is_ok()).await;
}

/// The first call after an idle connection was closed fails once. The caller repeats it (`common/src/answer.rs`) on a new
/// connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_connection_costs_one_call() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), LONG);
    store.deliver(&event("first")).await.unwrap();
    proxy.cut();
    let mut failed = 0;
    while let Err(error) = store.deliver(&event("second")).await {
        assert!(error.is_transient(), "{error}");
        failed += 1;
        assert!(failed < 2, "{error}");
    }
}

/// redis-rs has no timeout for a subscription, neither for connecting nor for subscribing: `redis/wakeups.rs` adds both,
/// and subscribes again after either.
#[tokio::test(flavor = "multi_thread")]
async fn the_wakeup_subscription_leaves_a_silent_connection() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), LONG);
    let mut wakeups = store.listen_ready().await;
    within("a new subscription reports wakeups that it may have missed", wakeups.next()).await;
    let listening = proxy.accepted();
    proxy.hold(Hold::Both);
    proxy.hold_new(Hold::Both);
    until("an unanswered ping ends it", async || proxy.accepted() > listening).await;
    proxy.hold_new(Hold::Nothing);
    within("an unanswered subscription ends too", wakeups.next()).await;
}

/// deadpool-redis sends two extra commands whenever a connection is taken from the pool: `Slot::line` takes each one once and
/// keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_command() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), LONG);
    for number in 0..50 {
        store.deliver(&event(&format!("call-{number}"))).await.unwrap();
    }
    assert_eq!(calls(&redis, "unwatch"), 0);
    // One more call, because the server had to load the script first.
    assert_eq!(calls(&redis, "evalsha"), 51);
}
