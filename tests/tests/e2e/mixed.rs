//! `serve` with an embedded store and RabbitMQ, and with Redis and an embedded bus; a kill loses nothing.

use crate::standalone::{Standalone, TIMEOUT, sample};
use serde_json::json;
use std::collections::HashSet;
use tests::carrier::gateway::{COMMANDS, bind, keep_consuming};
use tests::carrier::{Command, Link, Outgoing};
use tests::chaos::Site;
use tests::support::{Rabbit, RabbitOptions, Redis, RedisOptions, ports};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const CALL: &str = r#"{"from":"+15550100","to":"+15550111"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_store_serves_carriers_and_gateways_at_a_broker() {
    let rabbit = tokio::task::block_in_place(|| Rabbit::start(RabbitOptions::default()));
    let url = rabbit.url();
    let mut standalone = tokio::task::block_in_place(|| {
        let standalone = Standalone::open(&[("SIGNALBOX_AMQP__URL", &url)]);
        standalone.deploy_ivr();
        standalone
    });
    let mut commands = listen(&url).await;
    let link = Link::open(&url);
    let data = json!({ "from": "+15550100", "to": "+15550111" });
    link.publish(Outgoing::event("sbc", "e-1", "call.incoming", "call-1", data)).await;
    assert_eq!(next(&mut commands).await.kind, "call.answer");
    assert_eq!(next(&mut commands).await.kind, "call.talk");

    tokio::task::block_in_place(|| {
        standalone.kill9();
        standalone.start();
        let digits = ["--type", "call.digits", "--subject", "call-1", "--data", r#"{"digits":"3"}"#];
        let message = standalone.run(&[&["event", "send"][..], &digits].concat());
        assert!(message.contains("stored by the broker"), "{message}");
    });
    let hours = next(&mut commands).await;
    assert_eq!((hours.kind.as_str(), hours.text("text")), ("call.talk", "We are open around the clock."));
    link.publish(Outgoing::raw("x-1", "call.incoming", "call-2", b"rubbish".to_vec())).await;
    tokio::task::block_in_place(|| {
        let deadline = std::time::Instant::now() + TIMEOUT;
        while standalone.json(&["event", "rejected", "list"]).as_array().is_some_and(Vec::is_empty) {
            assert!(std::time::Instant::now() < deadline, "the rubbish is not in the rejected queue");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert!(standalone.run(&["event", "rejected", "discard", "--all"]).contains("discarded 1"));
        assert!(standalone.json(&["status"])["bus"] == "amqp");
    });
}

#[test]
fn redis_keeps_the_state_of_an_embedded_bus() {
    let redis = Redis::start(RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() });
    let mut standalone = Standalone::open(&[("SIGNALBOX_REDIS__URL", &redis.url())]);
    standalone.deploy_ivr();
    assert_eq!(standalone.send("call.incoming", "call-1", CALL)["outcome"], "applied");
    let before = standalone.wait_for("the greeting", |row| row["state"] == "waiting");
    standalone.kill9();
    standalone.start();
    assert_eq!(standalone.send("call.digits", "call-1", r#"{"digits":"3"}"#)["outcome"], "applied");
    let after = standalone
        .wait_for("the hours", |row| row["current_action"]["id"] == "say-hours" && row["state"] == "waiting");
    assert_eq!(after["id"], before["id"]);
    let status = standalone.json(&["status"]);
    assert_eq!((status["store"].as_str(), status["bus"].as_str()), (Some("redis"), Some("embedded")));
}

#[test]
fn a_data_folder_that_is_no_longer_used_is_logged() {
    let mut standalone = Standalone::open(&[]);
    standalone.deploy_ivr();
    standalone.kill9();
    let redis = Redis::start(RedisOptions { appendonly: true, fsync: "always", ..RedisOptions::default() });
    standalone.env.push(("SIGNALBOX_REDIS__URL".into(), redis.url()));
    standalone.start();
    assert_eq!(
        standalone.log().matches("is not used, because redis.url is set").count(),
        1,
        "{}",
        standalone.log()
    );
    assert!(standalone.run(&["flow", "list"]).contains("No flow is deployed yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_is_a_role_of_its_own_over_redis_and_a_broker() {
    const KEY: &str = "a-key-of-the-administrator";
    let address = format!("127.0.0.1:{}", ports::free());
    let settings = [("SIGNALBOX_API__LISTEN", address.as_str()), ("SIGNALBOX_API__BOOTSTRAP_KEY", KEY)];
    tokio::task::block_in_place(|| {
        let site = Site::open(&settings).unwrap();
        let _fleet = site.start(&["dispatcher", "executor", "scheduler", "api"]).unwrap();
        let url = format!("api.url=http://{address}");
        site.run(&["flow", "deploy", &sample("opening-hours.json"), "--set", &url]).unwrap();
        let by_rest = site.run(&["flow", "list", "--set", &url]).unwrap();
        assert!(by_rest.contains("opening-hours"), "{by_rest}");
        assert_eq!(
            site.run(&["flow", "list"]).unwrap(),
            by_rest,
            "the command gives the same output with and without the API"
        );
    });
}

async fn listen(url: &str) -> mpsc::UnboundedReceiver<Command> {
    const QUEUE: &str = "test.commands";
    bind(url, QUEUE, COMMANDS, &["#"]).await.unwrap();
    let (sender, commands) = mpsc::unbounded_channel();
    let mut seen = HashSet::new();
    let consuming = keep_consuming(url.to_owned(), QUEUE.into(), CancellationToken::new(), move |delivery| {
        if let Some(command) = Command::read(&delivery.data)
            && seen.insert(command.id.clone())
        {
            let _ = sender.send(command);
        }
    });
    tokio::spawn(consuming);
    commands
}

async fn next(commands: &mut mpsc::UnboundedReceiver<Command>) -> Command {
    let command = tokio::time::timeout(TIMEOUT, commands.recv()).await;
    command.expect("no command came in time").unwrap()
}
