use super::*;
use crate::fakes::{Harness, bundle, digit, harness, message, row, spec};
use common::record::Suspect;
use flow::Timestamp;
use flow::cursor::Input;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn run(harness: &Arc<Harness>, row: Row) -> AdvanceOutcome {
    let time = StoreTime { answered: Timestamp::default(), received_at: Duration::ZERO };
    advance(&harness.executor(), row, time).await
}

/// A cursor that was started and waits for a digit.
fn waiting() -> Cursor {
    let identity = spec().identity(common::ActiveflowId::from_bytes([1; 16]));
    let started = serde_json::from_slice(&crate::fakes::incoming()).unwrap();
    let bundle = bundle();
    flow::step(&bundle, Cursor::new(&bundle, identity), Input::Started(started), Timestamp::default()).cursor
}

fn row_at(cursor: &Cursor, version: u64) -> Row {
    let mut row = row(1, Suspect::No);
    row.record.body = common::record::cursor_bytes(cursor, common::record::FORMAT);
    row.record.version = version;
    row.inbox.clear();
    row
}

#[tokio::test]
async fn commands_are_stored_before_they_are_published_and_settled_before_it_parks() {
    let harness = harness().await;
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Parked);
    assert_eq!(
        harness.log(),
        ["commit 0: 1 inputs, 1 commands, Keep", "publish 1", "finish 1: 0 left, Park"]
    );
}

#[tokio::test]
async fn who_has_lost_the_claim_publishes_nothing_and_gives_nothing_back() {
    let harness = harness().await;
    harness.fenced.store(true, Ordering::Relaxed);
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Fenced);
    assert_eq!(harness.log(), ["commit 0: 1 inputs, 1 commands, Keep"]);
}

#[tokio::test]
async fn an_input_that_arrives_meanwhile_is_taken_under_the_same_claim() {
    let harness = harness().await;
    *harness.more.lock().unwrap() = Some(digit());
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Ended);
    assert_eq!(
        harness.log()[3..],
        ["commit 1: 2 inputs, 1 commands, Keep", "publish 2", "finish 2: 0 left, End"]
    );
}

#[tokio::test]
async fn what_a_predecessor_left_unsettled_goes_first() {
    let harness = harness().await;
    let mut row = row_at(&waiting(), 1);
    row.outbox = vec![message(1).to_bytes()];
    row.inbox = digit();
    assert_eq!(run(&harness, row).await, AdvanceOutcome::Ended);
    assert_eq!(harness.published.lock().unwrap()[0], message(1));
    assert_eq!(
        harness.log()[..3],
        ["publish 1", "finish 1: 0 left, Keep", "commit 1: 2 inputs, 1 commands, Keep"]
    );
}

#[tokio::test]
async fn a_pause_takes_no_input_and_a_stop_ends() {
    let harness = harness().await;
    let mut paused = row(1, Suspect::No);
    paused.control = Some(Control::Pause);
    assert_eq!(run(&harness, paused).await, AdvanceOutcome::Paused);
    assert_eq!(harness.log(), ["commit 0: 0 inputs, 0 commands, Pause Pause"]);
    let mut stopped = row_at(&waiting(), 1);
    stopped.control = Some(Control::Stop);
    assert_eq!(run(&harness, stopped).await, AdvanceOutcome::Ended);
    assert!(harness.log()[1].contains("Stop"), "{:?}", harness.log());
}

#[tokio::test]
async fn a_stop_goes_before_what_waits_in_the_inbox() {
    let harness = harness().await;
    let mut stopped = row_at(&waiting(), 1);
    stopped.inbox = digit();
    stopped.control = Some(Control::Stop);
    assert_eq!(run(&harness, stopped).await, AdvanceOutcome::Ended);
    assert_eq!(
        harness.log(),
        ["commit 1: 0 inputs, 1 commands, Keep Stop", "publish 2", "finish 2: 0 left, End"]
    );
}

#[tokio::test]
async fn a_stop_before_the_first_transition_uses_up_the_event_that_would_start_it() {
    let harness = harness().await;
    let mut row = row(1, Suspect::No);
    row.control = Some(Control::Stop);
    assert_eq!(run(&harness, row).await, AdvanceOutcome::Ended);
    assert!(harness.log()[0].starts_with("commit 0: 1 inputs"), "{:?}", harness.log());
}

#[tokio::test]
async fn nothing_to_do_parks_again_without_a_transition() {
    let harness = harness().await;
    assert_eq!(run(&harness, row_at(&waiting(), 1)).await, AdvanceOutcome::Parked);
    assert_eq!(harness.log(), ["finish 1: 0 left, Park"]);
}

#[tokio::test]
async fn a_damaged_cursor_ends_and_a_damaged_input_ends_after_the_good_ones() {
    let harness = harness().await;
    let mut damaged = row_at(&waiting(), 1);
    damaged.record.body.truncate(5);
    assert_eq!(run(&harness, damaged).await, AdvanceOutcome::Ended);
    assert_eq!(harness.log(), ["commit 1: 0 inputs, 0 commands, End"]);
    let bad = Entry::Event { kind: "call.digits".into(), input: b"{".to_vec(), start: None };
    let mut row = row(1, Suspect::No);
    row.inbox.push(bad.clone());
    *harness.more.lock().unwrap() = Some(vec![bad]);
    assert_eq!(run(&harness, row).await, AdvanceOutcome::Ended);
    assert_eq!(
        harness.log()[1..],
        [
            "commit 0: 1 inputs, 1 commands, Keep",
            "publish 1",
            "finish 1: 0 left, Park",
            "commit 1: 1 inputs, 1 commands, Keep",
            "publish 2",
            "finish 2: 0 left, End"
        ]
    );
}

#[tokio::test]
async fn an_activeflow_whose_bundle_is_missing_is_released_after_a_pause() {
    let harness = Arc::new(Harness::default());
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Released);
    assert_eq!(harness.log(), ["release"]);
}

#[tokio::test]
async fn a_cursor_of_a_newer_format_is_left_to_a_newer_executor() {
    let harness = harness().await;
    let mut newer = row_at(&waiting(), 1);
    newer.record.body = vec![99];
    newer.inbox = digit();
    assert_eq!(run(&harness, newer).await, AdvanceOutcome::Released);
    assert_eq!(harness.log(), ["release"]);
}

#[tokio::test]
async fn small_commits_continue_under_one_claim_and_settle_once() {
    let harness = Arc::new(Harness::default());
    let document = serde_json::json!({
        "schema": "signalbox.flow/v1", "name": "Test", "on_end": "leave", "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "a", "type": "answer" }, { "id": "b", "type": "answer" },
            { "id": "c", "type": "variable_set", "option": { "key": "x", "value": 1 } }],
    });
    let bundle = Bundle::compile(("flow", &document.to_string()), &Default::default()).unwrap();
    harness.publish_bundle([0; 32], &bundle).await;
    let mut row = row(1, Suspect::No);
    row.record.spec.bundle = [0; 32];
    let config = Config { actions_per_commit: 1, ..crate::fakes::config() };
    let time = StoreTime { answered: Timestamp::default(), received_at: Duration::ZERO };
    assert_eq!(advance(&Executor::new(harness.ports(), config), row, time).await, AdvanceOutcome::Ended);
    assert_eq!(
        harness.log(),
        [
            "commit 0: 1 inputs, 1 commands, Keep",
            "publish 1",
            "commit 1: 0 inputs, 1 commands, Keep",
            "publish 2",
            "commit 2: 0 inputs, 0 commands, Keep",
            "finish 3: 0 left, End"
        ]
    );
}

/// Texts the caller twice, and another number once.
fn texting() -> flow::Bundle {
    let text = |id: &str, option: serde_json::Value| serde_json::json!({ "id": id, "type": "message_send", "on_error": "continue", "option": option });
    let document = serde_json::json!({
        "schema": "signalbox.flow/v1", "name": "Test", "type": "voice", "on_end": "leave", "trigger": { "event": "call.incoming" },
        "actions": [
            text("a", serde_json::json!({ "text": "one" })),
            text("b", serde_json::json!({ "text": "two" })),
            text("c", serde_json::json!({ "text": "three", "destinations": [{ "target": "+15550199" }] })),
        ],
    });
    flow::Bundle::compile(("flow", &document.to_string()), &std::collections::BTreeMap::new()).unwrap()
}

#[tokio::test]
async fn a_turn_with_too_many_messages_is_decided_again_with_those_that_are_left() {
    let harness = Arc::new(Harness::default());
    harness.publish_bundle(spec().bundle, &texting()).await;
    harness.limited.lock().unwrap().extend([vec![1, 5]]);
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Ended);
    assert_eq!(
        harness.log(),
        [
            "commit 0: 1 inputs, 3 commands, Keep",
            "commit 0: 1 inputs, 2 commands, Keep",
            "publish 1",
            "publish 2",
            "finish 1: 0 left, End"
        ]
    );
    let sent = harness.published.lock().unwrap().clone();
    assert!(sent[0].body.contains("one") && sent[1].body.contains("three"), "{sent:?}");
}

#[tokio::test]
async fn a_turn_that_stays_refused_is_stored_without_messages() {
    let harness = Arc::new(Harness::default());
    harness.publish_bundle(spec().bundle, &texting()).await;
    harness.limited.lock().unwrap().extend(std::iter::repeat_n(vec![1, 1], 100));
    assert_eq!(run(&harness, row(1, Suspect::No)).await, AdvanceOutcome::Ended);
    assert_eq!(harness.log().last().unwrap(), "commit 0: 1 inputs, 0 commands, End");
    assert!(harness.log().len() < 10 && harness.published.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_limit_no_message_is_counted() {
    let harness = Arc::new(Harness::default());
    harness.publish_bundle(spec().bundle, &texting()).await;
    harness.limited.lock().unwrap().push_back(vec![0, 0]);
    let config = Config { messages_per_minute: 0, ..crate::fakes::config() };
    let time = StoreTime { answered: Timestamp::default(), received_at: Duration::ZERO };
    let executor = Executor::new(harness.ports(), config);
    assert_eq!(advance(&executor, row(1, Suspect::No), time).await, AdvanceOutcome::Ended);
    assert_eq!(harness.published.lock().unwrap().len(), 3);
}
