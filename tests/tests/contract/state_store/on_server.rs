//! Cases that concern only the store on Redis.

use adapters::redis::Server;
use tests::support::redis::{Redis, RedisOptions};

#[tokio::test]
async fn a_server_without_signalbox_keys_has_no_footprints() {
    let server = Redis::start(RedisOptions::default());
    server.ask(&["SET", "of others", "1"]);
    let footprints =
        Server::connect(&server.url().as_str().into()).await.unwrap().footprints().await.unwrap();
    assert!(footprints.is_empty(), "{footprints:?}");
}
