use super::*;
use crate::fakes::{World, bundle, digit, message, row, spec, world};
use common::record::Suspect;
use flow::cursor::{Identity, Input};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn run(world: &Arc<World>, row: Row) -> AdvanceOutcome {
    let time = StoreTime { told: Timestamp::default(), at: Duration::ZERO };
    advance(&world.executor(), row, time).await
}

/// Where a cursor stands that was started and waits for a digit.
fn waiting() -> Cursor {
    let identity = Identity {
        activeflow_id: common::ActiveflowId::from_bytes([1; 16]).to_string(),
        customer_id: "customer".into(),
        reference_type: spec().reference.kind,
        reference_id: spec().reference.subject,
    };
    let started = crate::fakes::parsed(&crate::fakes::incoming());
    let bundle = bundle();
    flow::step(&bundle, Cursor::new(&bundle, identity), Input::Started(started), Timestamp::default()).cursor
}

fn row_at(cursor: &Cursor, version: u64) -> Row {
    let mut row = row(1, Suspect::No);
    row.record.body = cursor.to_bytes();
    row.record.version = version;
    row.inbox.clear();
    row
}

#[tokio::test]
async fn commands_are_stored_before_they_are_published_and_settled_before_it_parks() {
    let world = world();
    assert_eq!(run(&world, row(1, Suspect::No)).await, AdvanceOutcome::Parked);
    assert_eq!(world.log(), ["commit 0: 1 inputs, 1 commands, Keep", "publish 1", "finish 1: 0 left, Park"]);
}

#[tokio::test]
async fn who_has_lost_the_claim_publishes_nothing_and_gives_nothing_back() {
    let world = world();
    world.fenced.store(true, Ordering::Relaxed);
    assert_eq!(run(&world, row(1, Suspect::No)).await, AdvanceOutcome::Fenced);
    assert_eq!(world.log(), ["commit 0: 1 inputs, 1 commands, Keep"]);
}

#[tokio::test]
async fn what_came_meanwhile_is_taken_under_the_same_claim() {
    let world = world();
    *world.more.lock().unwrap() = Some(digit());
    assert_eq!(run(&world, row(1, Suspect::No)).await, AdvanceOutcome::Ended);
    assert_eq!(
        world.log()[3..],
        ["commit 1: 2 inputs, 1 commands, Keep", "publish 2", "finish 2: 0 left, End"]
    );
}

#[tokio::test]
async fn what_a_predecessor_left_unsettled_goes_first() {
    let world = world();
    let mut row = row_at(&waiting(), 1);
    row.outbox = vec![message(1).to_bytes()];
    row.inbox = digit();
    assert_eq!(run(&world, row).await, AdvanceOutcome::Ended);
    assert_eq!(world.published.lock().unwrap()[0], message(1));
    assert_eq!(
        world.log()[..3],
        ["publish 1", "finish 1: 0 left, Keep", "commit 1: 2 inputs, 1 commands, Keep"]
    );
}

#[tokio::test]
async fn a_pause_takes_no_input_and_a_stop_ends() {
    let world = world();
    let mut paused = row(1, Suspect::No);
    paused.control = Some(Control::Pause);
    assert_eq!(run(&world, paused).await, AdvanceOutcome::Paused);
    assert_eq!(world.log(), ["commit 0: 0 inputs, 0 commands, Pause Pause"]);
    let mut stopped = row_at(&waiting(), 1);
    stopped.control = Some(Control::Stop);
    assert_eq!(run(&world, stopped).await, AdvanceOutcome::Ended);
    assert!(world.log()[1].contains("Stop"), "{:?}", world.log());
}

#[tokio::test]
async fn a_stop_goes_before_what_waits_in_the_inbox() {
    let world = world();
    let mut stopped = row_at(&waiting(), 1);
    stopped.inbox = digit();
    stopped.control = Some(Control::Stop);
    assert_eq!(run(&world, stopped).await, AdvanceOutcome::Ended);
    assert_eq!(world.log(), ["commit 1: 0 inputs, 0 commands, End Stop"]);
}

#[tokio::test]
async fn a_stop_before_the_first_transition_uses_up_the_event_that_would_start_it() {
    let world = world();
    let mut row = row(1, Suspect::No);
    row.control = Some(Control::Stop);
    assert_eq!(run(&world, row).await, AdvanceOutcome::Ended);
    assert!(world.log()[0].starts_with("commit 0: 1 inputs"), "{:?}", world.log());
}

#[tokio::test]
async fn nothing_to_do_parks_again_without_a_transition() {
    let world = world();
    assert_eq!(run(&world, row_at(&waiting(), 1)).await, AdvanceOutcome::Parked);
    assert_eq!(world.log(), ["finish 1: 0 left, Park"]);
}

#[tokio::test]
async fn a_damaged_cursor_ends_and_a_damaged_input_ends_after_the_good_ones() {
    let world = world();
    let mut damaged = row_at(&waiting(), 1);
    damaged.record.body.truncate(5);
    assert_eq!(run(&world, damaged).await, AdvanceOutcome::Ended);
    assert_eq!(world.log(), ["commit 1: 0 inputs, 0 commands, End"]);
    let bad = Entry::Event { kind: "call.digits".into(), input: b"{".to_vec(), start: None };
    let mut row = row(1, Suspect::No);
    row.inbox.push(bad.clone());
    *world.more.lock().unwrap() = Some(vec![bad]);
    assert_eq!(run(&world, row).await, AdvanceOutcome::Ended);
    assert_eq!(
        world.log()[1..],
        [
            "commit 0: 1 inputs, 1 commands, Keep",
            "publish 1",
            "finish 1: 0 left, Park",
            "commit 1: 1 inputs, 0 commands, End"
        ]
    );
}

#[tokio::test]
async fn a_missing_bundle_is_waited_for() {
    let world = Arc::new(World::default());
    assert_eq!(run(&world, row(1, Suspect::No)).await, AdvanceOutcome::Released);
    assert_eq!(world.log(), ["release"]);
}

#[tokio::test]
async fn a_cursor_of_a_newer_format_is_left_to_a_newer_executor() {
    let world = world();
    let mut newer = row_at(&waiting(), 1);
    newer.record.body = br#"{"format":99}"#.to_vec();
    newer.inbox = digit();
    assert_eq!(run(&world, newer).await, AdvanceOutcome::Released);
    assert_eq!(world.log(), ["release"]);
}

#[tokio::test]
async fn few_actions_a_commit_go_on_under_one_claim_and_settle_once() {
    let world = world();
    let document = serde_json::json!({
        "schema": "signalbox.flow/v1", "name": "Test", "type": "voice", "trigger": { "event": "call.incoming" },
        "actions": [{ "id": "a", "type": "answer" }, { "id": "b", "type": "answer" },
            { "id": "c", "type": "variable_set", "option": { "key": "x", "value": 1 } }],
    });
    let bundle = Bundle::compile(("flow", &document.to_string()), &Default::default()).unwrap();
    world.bundles.lock().unwrap().insert("00".repeat(32), bundle.to_bytes().to_vec());
    let mut row = row(1, Suspect::No);
    row.record.spec.bundle = [0; 32];
    let config = Config { actions_per_commit: 1, ..crate::fakes::config() };
    let time = StoreTime { told: Timestamp::default(), at: Duration::ZERO };
    assert_eq!(advance(&Executor::new(world.ports(), config), row, time).await, AdvanceOutcome::Ended);
    assert_eq!(
        world.log(),
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
