//! Refusals of a real server, and the effects of a script after a crash.

use super::harness::*;
use adapters::redis::Store;
use common::StoreError;
use common::member::{Member, MemberId, Role};
use common::ports::{Intake, Lookup, Members};
use redis::{AsyncCommands, RedisResult, Script};
use std::time::Duration;
use tests::support::{Proxy, Redis, RedisOptions};

const LONG: Duration = Duration::from_secs(20);

fn me() -> Member {
    Member {
        id: MemberId(uuid::Uuid::from_u128(1)),
        role: Role::Executor,
        instance: "here:1".into(),
        heartbeats: 1,
        generation: 0,
        formats: (1, 1),
        consuming: None,
    }
}

/// A failed login is an answer, not a lost connection. The connection manager of redis-rs never retries it; `Slot::line` asks
/// the pool again at the next call.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_tried_again() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    redis.ask(&["CONFIG", "SET", "requirepass", "another"]);
    let store = store_at(&format!("redis://:secret@127.0.0.1:{}", proxy.port()), LONG);
    for _ in 0..5 {
        let error = store.deliver(&event("first")).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("authentication failed"), "{error}");
    }
    let admin = redis::Client::open(format!("redis://:another@127.0.0.1:{}", redis.port())).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    let set: RedisResult<()> =
        redis::cmd("CONFIG").arg(&["SET", "requirepass", "secret"]).query_async(&mut admin).await;
    set.unwrap();
    store.deliver(&event("first")).await.unwrap();
}

/// The errors of a server that temporarily cannot serve are transient for every operation, also for a transaction (`PASSING`
/// in `redis/connections.rs`), on old and new connections.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_serve_is_waited_for() {
    let options = RedisOptions {
        extra: words("--enable-debug-command yes --rdbcompression no"),
        ..RedisOptions::default()
    };
    let (redis, proxy) = server(options).await;
    let store = store(proxy.port(), LONG);
    store.deliver(&event("first")).await.unwrap();

    redis.ask(&["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]);
    refuses(&store, &proxy, "MASTERDOWN").await;
    redis.ask(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    refuses(&store, &proxy, "READONLY").await;
    redis.ask(&["REPLICAOF", "NO", "ONE"]);
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    refuses(&store, &proxy, "OOM").await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.ask(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    refuses(&store, &proxy, "NOREPLICAS").await;
    redis.ask(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    store.deliver(&event("second")).await.unwrap();
}

/// The same for a server that is loading its data.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_loading_is_waited_for() {
    let slow = "--enable-debug-command yes --rdbcompression no --loading-process-events-interval-bytes 1024";
    let options = RedisOptions { extra: words(slow), ..RedisOptions::default() };
    let (redis, proxy) = server(options).await;
    let store = store(proxy.port(), LONG);
    store.deliver(&event("first")).await.unwrap();
    let mut other = client(redis.port(), LONG).await;
    for number in 0..100 {
        let _: () = other.set(number, "x".repeat(4_096)).await.unwrap();
    }
    redis.ask(&["CONFIG", "SET", "key-load-delay", "200000"]);
    let reload = redis::cmd("DEBUG").arg("RELOAD").to_owned();
    let loading = tokio::spawn(async move { reload.query_async::<()>(&mut other).await });
    refuses(&store, &proxy, "LOADING").await;
    redis.ask(&["CONFIG", "SET", "key-load-delay", "0"]);
    until("the data is loaded", async || store.deliver(&event("second")).await.is_ok()).await;
    within("the reload", loading).await.unwrap().unwrap();
}

/// Waits for the error `word`, on the connection of `store` and on a new one. A transaction gets another error (`EXECABORT`),
/// and a script may be refused for another reason.
async fn refuses(store: &Store, proxy: &Proxy, word: &str) {
    for store in [store, &self::store(proxy.port(), LONG)] {
        until(word, async || {
            let script = store.deliver(&event("refused")).await.map(drop);
            let transaction = store.heartbeat(&me(), &[]).await.map(drop);
            let command = store.members().await.map(drop);
            let refused: Vec<StoreError> =
                [script, transaction, command].into_iter().filter_map(Result::err).collect();
            assert!(refused.iter().all(StoreError::is_transient), "{word}: {refused:?}");
            refused.iter().any(|error| error.to_string().contains(word))
        })
        .await;
    }
}

/// A server with too many clients sends an error instead of the first answer and closes the connection. That is not taken for
/// the answer to the call.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_too_many_clients_is_waited_for() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let mut other = client(redis.port(), LONG).await;
    let _: () = redis::cmd("CONFIG").arg(&["SET", "maxclients", "1"]).query_async(&mut other).await.unwrap();
    let store = store(proxy.port(), LONG);
    for _ in 0..20 {
        let error = store.deliver(&event("first")).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    let _: () =
        redis::cmd("CONFIG").arg(&["SET", "maxclients", "100"]).query_async(&mut other).await.unwrap();
    until("there is room", async || store.deliver(&event("first")).await.is_ok()).await;
}

/// A script may be removed between loading and calling. That is no sign of damaged data, and the call had no effect (`PASSING`
/// in `redis/connections.rs`). A repeated call succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_are_forgotten_all_the_time_damage_nothing() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let store = store(proxy.port(), LONG);
    let mut other = client(redis.port(), LONG).await;
    let flushing = tokio::spawn(async move {
        while redis::cmd("SCRIPT").arg("FLUSH").query_async::<()>(&mut other).await.is_ok() {}
    });
    let mut number = 0;
    until("a script is removed between loading and calling", async || {
        number += 1;
        let Err(error) = store.deliver(&event(&format!("call-{number}"))).await else { return false };
        assert!(error.is_transient() && error.to_string().contains("NOSCRIPT"), "{error}");
        true
    })
    .await;
    flushing.abort();
    until("it is loaded again", async || store.deliver(&event("last")).await.is_ok()).await;
}

/// When memory is full, a script without the first line `#!lua` fails half way. With that line it is refused before it starts,
/// so `redis/scripts.rs` adds it to every script.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_refused_whole_when_memory_is_full() {
    let (redis, proxy) = server(RedisOptions::default()).await;
    let mut connection = client(proxy.port(), LONG).await;
    let body = "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[2], 'x')";
    for (script, left) in [(Script::new(body), false), (Script::new(&format!("#!lua\n{body}")), true)] {
        let _: () = connection.set("old", "1").await.unwrap();
        redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
        let ran: RedisResult<()> = script.key("old").key("new").invoke_async(&mut connection).await;
        assert_eq!(ran.is_err(), left, "{ran:?}");
        redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
        assert_eq!(connection.exists::<_, bool>("old").await.unwrap(), left);
    }
}

/// The effects of a script are one transaction in the append-only file: if the file is cut in its middle, none of them remain.
/// So the state and its commands are kept or lost together (ARCHITECTURE.md, invariant 3).
#[tokio::test(flavor = "multi_thread")]
async fn of_a_script_that_was_torn_off_nothing_is_kept() {
    let options = RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() };
    let (mut redis, _) = server(options).await;
    let store = store(redis.port(), LONG);
    store.deliver(&event("whole")).await.unwrap();
    let whole = keys(&redis);
    store.deliver(&event("torn")).await.unwrap();
    assert!(keys(&redis) > whole);
    drop(store);
    tokio::task::block_in_place(|| redis.kill9());
    let log = std::fs::read_dir(redis.dir().join("appendonlydir")).unwrap().flatten();
    let log = log.map(|file| file.path()).find(|path| path.to_string_lossy().contains("incr")).unwrap();
    let log = std::fs::File::options().write(true).open(log).unwrap();
    log.set_len(log.metadata().unwrap().len() - 20).unwrap();
    tokio::task::block_in_place(|| redis.restart());
    assert_eq!(keys(&redis), whole);
    let store = self::store(redis.port(), LONG);
    assert!(store.get(started("whole")).await.unwrap().is_some());
    assert!(store.get(started("torn")).await.unwrap().is_none());
}

fn keys(redis: &Redis) -> u64 {
    redis.ask(&["DBSIZE"]).trim().trim_start_matches(':').parse().unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
