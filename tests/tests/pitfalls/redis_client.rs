//! redis-rs without the adapter: calls that are not answered in time.

use super::harness::{calls, client, server, until, within};
use futures_util::FutureExt;
use redis::{AsyncCommands, RedisResult, Script, cmd};
use std::time::Duration;
use tests::support::{Hold, RedisOptions};
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// A call that timed out may still run, and redis-rs does not repeat it: `to_store` in `redis/connections.rs` reports it as
/// *unanswered*, and the caller repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_timed_out_runs_later_and_once() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let mut connection = client(proxy.port(), SHORT).await;
    redis.stop_process();
    let counted: RedisResult<i64> = connection.incr("count", 1).await;
    assert!(counted.unwrap_err().is_timeout());
    redis.cont();
    until("the abandoned call runs", async || redis.ask(&["GET", "count"]).ends_with("1\r\n")).await;
    let next: i64 = connection.incr("count", 1).await.unwrap();
    assert_eq!((next, calls(&redis, "incrby")), (2, 2));
}

/// The late answer to an abandoned call does not reach the next caller on the same connection, and one timeout does not
/// replace the connection: `SharedConnection` in `redis/connections.rs` is shared by all calls and counts timeouts.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_reaches_no_other_call() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let mut connection = client(proxy.port(), SHORT).await;
    for number in 0..10 {
        let _: () = connection.set(format!("key-{number}"), number).await.unwrap();
    }
    for late in [0, 2, 4, 6, 8] {
        proxy.hold(Hold::Replies);
        let given_up: RedisResult<i64> = connection.get(format!("key-{late}")).await;
        assert!(given_up.unwrap_err().is_timeout());
        let own = connection.get::<_, i64>(format!("key-{}", late + 1));
        proxy.release();
        assert_eq!(own.await.unwrap(), late + 1);
    }
    assert_eq!(proxy.accepted(), 1);
}

/// A call whose future is dropped at any point leaves the connection usable, and its answer is discarded. Roles drop calls
/// when they shut down, and the API when a client disconnects.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_disturbs_no_other() {
    let (_redis, proxy) = server(RedisOptions::default()).await;
    let connection = client(proxy.port(), LONG).await;
    let asked = (0..2_000_u64).map(|number| {
        let mut connection = connection.clone();
        async move {
            let call = cmd("ECHO").arg(number).to_owned();
            let mut answer = Box::pin(async { call.query_async::<u64>(&mut connection).await });
            if number % 3 == 0 {
                // Some are dropped before they were written, some after.
                assert!((&mut answer).now_or_never().is_none_or(|answer| answer.unwrap() == number));
                sleep(Duration::from_micros(number % 7 * 50)).await;
                return;
            }
            assert_eq!(answer.await.unwrap(), number);
        }
    });
    within("every other call is answered", futures_util::future::join_all(asked)).await;
}

/// A restart and `SCRIPT FLUSH` remove all scripts; `Script::invoke_async` loads a missing script and repeats the call.
/// `NOSCRIPT` means that nothing ran: `redis/scripts.rs` does not load scripts itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_script_is_loaded_again_and_runs_once() {
    let (mut redis, proxy) = server(RedisOptions { appendonly: true, ..RedisOptions::default() }).await;
    let script = Script::new("#!lua\nreturn redis.call('INCR', KEYS[1])");
    let mut connection = client(proxy.port(), LONG).await;
    for expected in 1..4 {
        assert!(redis.ask(&["SCRIPT", "FLUSH"]).starts_with("+OK"));
        let counted: i64 = script.key("count").invoke_async(&mut connection).await.unwrap();
        assert_eq!(counted, expected);
    }
    tokio::task::block_in_place(|| redis.restart());
    let mut connection = client(proxy.port(), LONG).await;
    let counted: i64 = script.key("count").invoke_async(&mut connection).await.unwrap();
    assert_eq!(counted, 4);
}

/// The defaults of redis-rs are a response timeout of 500 ms and no TCP_NODELAY, which delays small commands. `Link::new`
/// sets the first, `connection_info` the second, on every connection that `redis/` opens.
#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_are_not_ours() {
    let (redis, _) = server(RedisOptions::default()).await;
    let client = redis::Client::open(redis.url()).unwrap();
    assert!(!client.get_connection_info().tcp_settings().nodelay());
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis.stop_process();
    let silent = within("the default timeout", connection.get::<_, Option<String>>("key")).await;
    assert!(silent.unwrap_err().is_timeout());
    redis.cont();
}
