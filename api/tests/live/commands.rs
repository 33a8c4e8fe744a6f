//! `/v1/commands`, over the embedded bus.

use super::harness::{ADMIN, LiveHarness, OURS, PLAIN, Shape};
use super::stream::{Block, Stream, is_problem};
use axum::body::Body;
use axum::http::Request;
use common::command::Message;
use common::ports::Bus;
use serde_json::{Value, json};

const QUEUE: &str = "/v1/commands?queue=gateway";

async fn publish(harness: &LiveHarness, number: usize, kind: &str) -> Message {
    let message = Message {
        id: format!("a:{number}"),
        routing_key: kind.into(),
        correlation_id: "a".into(),
        reference: "call-1".into(),
        traceparent: None,
        body:
            json!({ "id": format!("a:{number}"), "type": kind, "data": { "text": "two\nlines\r\n\u{2028}" } })
                .to_string(),
    };
    harness.bus.publish(message.clone()).await.unwrap();
    message
}

async fn take(stream: &mut Stream, count: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    while blocks.len() < count {
        let block = stream.event().await;
        assert_eq!(block.event, "command");
        blocks.push(block);
    }
    blocks
}

async fn ack(harness: &LiveHarness, through: &str) -> Value {
    let through: u64 = through.parse().unwrap();
    harness.answer("/v1/commands/ack", &json!({ "queue": "gateway", "through": through })).await["waiting"]
        .clone()
}

/// A gateway without AMQP carries a call to its end.
#[tokio::test]
async fn the_commands_of_a_call_are_taken_and_answered() {
    let mut harness = LiveHarness::new().await;
    harness.run();
    let mut stream = harness.stream(QUEUE, None).await;
    let id = harness.call("call-1", OURS).await;
    let taken = take(&mut stream, 2).await;
    let (answer, talk) = (taken[0].json(), taken[1].json());
    assert_eq!((&answer["type"], &talk["type"]), (&json!("call.answer"), &json!("call.talk")));
    assert_eq!(talk["data"]["text"], "Hello +15550100.\nA second line.");
    assert_eq!(talk["id"], format!("{id}:2"));
    let done = json!({
        "specversion": "1.0", "id": "done-1", "source": "gateway", "type": "command.completed",
        "subject": talk["subject"], "data": { "command_id": talk["id"] },
    });
    assert_eq!(harness.answer("/v1/events", &done).await["outcome"], "applied");
    assert_eq!(take(&mut stream, 1).await[0].json()["type"], "call.hangup");
    assert_eq!(ack(&harness, &taken[1].id).await, 1);
}

#[tokio::test]
async fn a_command_is_exactly_what_goes_over_amqp() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(QUEUE, None).await;
    let message = publish(&harness, 1, "call.talk").await;
    assert_eq!(take(&mut stream, 1).await[0].data, message.body);
}

#[tokio::test]
async fn an_unacknowledged_command_is_sent_again() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(QUEUE, None).await;
    for number in 1..=4 {
        publish(&harness, number, "call.talk").await;
    }
    let taken = take(&mut stream, 4).await;
    let positions: Vec<u64> = taken.iter().map(|block| block.id.parse().unwrap()).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
    drop(stream);
    assert_eq!(ack(&harness, &taken[1].id).await, 2);
    let mut again = harness.stream(QUEUE, None).await;
    assert_eq!(take(&mut again, 2).await, taken[2..]);
    let mut behind = harness.stream(QUEUE, Some(&taken[2].id)).await;
    assert_eq!(take(&mut behind, 1).await, taken[3..]);
    // An invalid position is ignored.
    for id in ["x", "99999"] {
        let mut all = harness.stream(QUEUE, Some(id)).await;
        assert_eq!(take(&mut all, 2).await, taken[2..]);
    }
    assert_eq!(ack(&harness, &taken[3].id).await, 0);
}

#[tokio::test]
async fn a_second_reader_takes_the_queue_over() {
    let harness = LiveHarness::new().await;
    let mut first = harness.stream(QUEUE, None).await;
    let message = publish(&harness, 1, "call.talk").await;
    take(&mut first, 1).await;
    let mut second = harness.stream(QUEUE, None).await;
    assert!(first.last_words().await.concat().contains("another reader"));
    assert_eq!(take(&mut second, 1).await[0].data, message.body);
    // To look whether something is there takes nothing over.
    let look = Request::head(QUEUE).header("authorization", format!("Bearer {ADMIN}"));
    assert_eq!(harness.ask(look.body(Body::empty()).unwrap()).await.status(), 200);
    let message = publish(&harness, 2, "call.talk").await;
    assert_eq!(take(&mut second, 1).await[0].data, message.body);
}

#[tokio::test]
async fn a_queue_takes_the_types_that_were_asked_for() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(&format!("{QUEUE}&types=message.*,call.hangup"), None).await;
    for (number, kind) in ["call.talk", "message.send", "call.answer", "call.hangup"].into_iter().enumerate()
    {
        publish(&harness, number, kind).await;
    }
    let kinds: Vec<Value> =
        take(&mut stream, 2).await.iter().map(|block| block.json()["type"].clone()).collect();
    assert_eq!(kinds, ["message.send", "call.hangup"]);
}

#[tokio::test]
async fn a_queue_is_removed_with_what_waits_in_it() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(QUEUE, None).await;
    publish(&harness, 1, "call.talk").await;
    take(&mut stream, 1).await;
    let remove = || {
        Request::delete(QUEUE).header("authorization", format!("Bearer {ADMIN}")).body(Body::empty()).unwrap()
    };
    assert_eq!(harness.ask(remove()).await.status(), 200);
    stream.last_words().await;
    is_problem(harness.ask(remove()).await, 404, "not_found", "`gateway`").await;
}

/// What a reader of a forgotten queue, or its operator, needs to know.
#[tokio::test]
async fn the_queues_are_listed_with_what_waits_in_them() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(&format!("{QUEUE}&types=call.%23"), None).await;
    publish(&harness, 1, "call.talk").await;
    take(&mut stream, 1).await;
    let listed = harness.read("/v1/commands/queues").await;
    let queue = &listed["result"][0];
    assert_eq!(
        (&queue["name"], &queue["types"], &queue["condition"], &queue["reading"], &queue["waiting"]),
        (&json!("gateway"), &json!(["call.#"]), &json!("open"), &json!(true), &json!(1))
    );
    assert!(queue["bytes"].as_u64() > Some(0) && queue["bytes"].as_u64() < queue["max_bytes"].as_u64());
    is_problem(harness.get(PLAIN, "/v1/commands/queues", None).await, 403, "forbidden", "whole installation")
        .await;
    let amqp = LiveHarness::of(Shape { commands: false, ..Shape::default() }).await;
    let refused = amqp.get(ADMIN, "/v1/commands/queues", None).await;
    is_problem(refused, 409, "conflict", "signalbox.commands").await;
}

#[tokio::test]
async fn streams_of_commands_are_kept_alive_and_end_when_signalbox_stops() {
    let harness = LiveHarness::new().await;
    let mut stream = harness.stream(QUEUE, None).await;
    for _ in 0..3 {
        assert!(!stream.block().await.unwrap().comment.is_empty());
    }
    harness.shutdown.cancel();
    assert!(stream.last_words().await.concat().contains("comes again"));
}

#[tokio::test]
async fn an_impossible_request_explains_what_to_do() {
    let harness = LiveHarness::new().await;
    let refused = async |query: &str, says: &str| {
        let response = harness.get(ADMIN, &format!("/v1/commands{query}"), None).await;
        is_problem(response, 400, "invalid_query", says).await;
    };
    refused("", "queue").await;
    refused("?queue=", "gateway-1").await;
    refused("?queue=a%20b", "' '").await;
    refused("?queue=a&types=call.%23x", "call.#x").await;
    is_problem(harness.get(PLAIN, QUEUE, None).await, 403, "forbidden", "customer = \"all\"").await;
    is_problem(
        harness.get(ADMIN, "/v1/commands?queue=signalbox.events", None).await,
        409,
        "conflict",
        "reserved",
    )
    .await;
    let ack = async |queue: &str, through: u64| {
        harness.post("/v1/commands/ack", &json!({ "queue": queue, "through": through })).await
    };
    is_problem(ack("unknown", 0).await, 409, "conflict", "open it first").await;
    is_problem(ack("gateway", 9).await, 409, "conflict", "no such position").await;
    is_problem(ack("a b", 9).await, 422, "invalid_body", "' '").await;

    let amqp = LiveHarness::of(Shape { commands: false, ..Shape::default() }).await;
    is_problem(amqp.get(ADMIN, QUEUE, None).await, 409, "conflict", "signalbox.commands").await;
    let through = json!({ "queue": "gateway", "through": 1 });
    is_problem(amqp.post("/v1/commands/ack", &through).await, 409, "conflict", "signalbox.commands").await;
}
