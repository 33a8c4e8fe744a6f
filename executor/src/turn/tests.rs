use super::*;
use crate::fakes::{event, incoming, spec};
use common::record::{FORMAT, Suspect};
use std::collections::BTreeMap;

fn bundle(actions: serde_json::Value) -> Bundle {
    let document = serde_json::json!({
        "schema": "signalbox.flow/v1", "name": "Test", "type": "voice", "trigger": { "event": "call.incoming" },
        "actions": actions,
    });
    Bundle::compile(("flow", &document.to_string()), &BTreeMap::new()).expect("the document is valid")
}

/// Sends 60 messages of 10 KiB.
fn send() -> serde_json::Value {
    let to: Vec<_> = (0..60).map(|n| serde_json::json!({ "target": format!("+1555010{n:02}") })).collect();
    let option = serde_json::json!({ "text": "x".repeat(10_240), "destinations": to });
    serde_json::json!({ "id": "send", "type": "message_send", "option": option })
}

fn decided(bundle: &Bundle, inbox: &[Entry], resumes: u32) -> Result<Decision, TurnFailure> {
    let row = crate::fakes::row(1, Suspect::No);
    decide(&Turn {
        id: row.claim.id,
        spec: &spec(),
        bundle,
        version: 0,
        trigger: &incoming(),
        body: &[],
        inbox,
        control: None,
        now: Timestamp::default(),
        resumes,
        actions: limits::ACTIONS_PER_STEP,
        quota: &MessageQuota::default(),
        format: FORMAT,
    })
}

#[test]
fn a_cursor_that_yielded_resumes_at_least_once_in_each_turn() {
    let bundle = bundle(serde_json::json!([
        { "id": "a", "type": "answer" },
        { "id": "b", "type": "goto", "option": { "target_id": "a", "loop_count": 300 } },
        { "id": "c", "type": "digits_receive", "option": { "length": 1 } },
    ]));
    let first = decided(&bundle, &[Entry::Trigger], 0).unwrap();
    let body = first.transition.unwrap().body;
    let executed =
        |body: &[u8]| serde_json::from_slice::<serde_json::Value>(&body[1..]).unwrap()["x"].clone();
    let row = crate::fakes::row(1, Suspect::No);
    let turn = Turn {
        id: row.claim.id,
        spec: &spec(),
        bundle: &bundle,
        version: 1,
        trigger: &incoming(),
        body: &body,
        inbox: &[],
        control: None,
        now: Timestamp::default(),
        resumes: 0,
        actions: limits::ACTIONS_PER_STEP,
        quota: &MessageQuota::default(),
        format: FORMAT,
    };
    let second = decide(&turn).unwrap().transition.expect("it moves");
    assert_ne!(executed(&body), executed(&second.body));
}

#[test]
fn the_cursor_and_the_journal_entry_have_the_format_that_every_member_reads() {
    let bundle = bundle(serde_json::json!([{ "id": "a", "type": "answer" }]));
    let row = crate::fakes::row(1, Suspect::No);
    let turn = Turn {
        id: row.claim.id,
        spec: &spec(),
        bundle: &bundle,
        version: 0,
        trigger: &incoming(),
        body: &[],
        inbox: &[Entry::Trigger],
        control: None,
        now: Timestamp::default(),
        resumes: 0,
        actions: limits::ACTIONS_PER_STEP,
        quota: &MessageQuota::default(),
        format: FORMAT + 1,
    };
    let transition = decide(&turn).unwrap().transition.unwrap();
    assert_eq!([transition.body[0], transition.journal.unwrap()[0]], [FORMAT + 1; 2]);
}

#[test]
fn a_turn_with_much_output_leaves_further_inputs_to_the_next() {
    let bundle = bundle(serde_json::json!([
        { "id": "menu", "type": "digits_receive", "option": { "length": 1 } },
        send(),
        { "id": "again", "type": "goto", "option": { "target_id": "menu" } },
    ]));
    let digit = |n: u32| event("call.digits", &format!("d{n}"), serde_json::json!({ "digits": "1" }));
    let inbox: Vec<_> = [Entry::Trigger].into_iter().chain((0..5).map(digit)).collect();
    let decision = decided(&bundle, &inbox, 4).unwrap();
    let consumed = decision.transition.map(|transition| (transition.consumed, transition.commands.len()));
    assert_eq!(consumed, Some((3, 120)), "the start and two digits; three wait for the next turn");
    assert!(matches!(decision.after, Disposition::Park { .. }), "the store answers with what waits");
}

#[test]
fn a_transition_reports_the_early_inputs_in_its_body() {
    let bundle = crate::fakes::bundle();
    let digit = |id: &str| event("call.digits", id, serde_json::json!({ "digits": "1" }));
    let row = crate::fakes::row(1, Suspect::No);
    let transition =
        decided(&bundle, &[Entry::Trigger, digit("d1"), digit("d2")], 4).unwrap().transition.unwrap();
    let cursor = read_cursor(row.claim.id, &spec(), &transition.body, &incoming()).unwrap();
    let bytes: usize = cursor.early().iter().map(Early::size).sum();
    let both = EarlyInputs { count: 2, bytes: bytes as u32 };
    assert_eq!((cursor.early().len(), transition.early), (2, both));

    let paused = decide(&Turn {
        id: row.claim.id,
        spec: &spec(),
        bundle: &bundle,
        version: 1,
        trigger: &incoming(),
        body: &transition.body,
        inbox: &[],
        control: Some(&Control::Pause),
        now: Timestamp::default(),
        resumes: 4,
        actions: limits::ACTIONS_PER_STEP,
        quota: &MessageQuota::default(),
        format: FORMAT,
    });
    assert_eq!(paused.unwrap().transition.unwrap().early, both, "a pause changes nothing");
}

#[test]
fn a_step_with_too_much_output_ends_its_activeflow() {
    let bundle = bundle(serde_json::json!([
        send(),
        { "id": "again", "type": "goto", "option": { "target_id": "send", "loop_count": 10 } },
        { "id": "menu", "type": "digits_receive", "option": { "length": 1 } },
    ]));
    let failed = decided(&bundle, &[Entry::Trigger], 4).unwrap_err();
    assert_eq!((failed.good_inputs(), failed.consumed, failed.note.what), (0, 1, NoteKind::TooMuch));
    assert!(failed.note.detail.to_string().contains("message.send"), "{:?}", failed.note.detail);
}

#[test]
fn a_turn_of_few_actions_is_one_step_and_leaves_the_rest() {
    let set = |id: &str| serde_json::json!({ "id": id, "type": "variable_set", "option": { "key": id, "value": 1 } });
    let bundle = bundle(serde_json::json!([set("a"), set("b"), set("c")]));
    let row = crate::fakes::row(1, Suspect::No);
    let (mut body, mut inbox) = (Vec::new(), vec![Entry::Trigger]);
    let mut afters = Vec::new();
    for version in 0..3 {
        let turn = Turn {
            id: row.claim.id,
            spec: &spec(),
            bundle: &bundle,
            version,
            trigger: &incoming(),
            body: &body,
            inbox: &inbox,
            control: None,
            now: Timestamp::default(),
            resumes: 4,
            actions: 1,
            quota: &MessageQuota::default(),
            format: FORMAT,
        };
        let decision = decide(&turn).unwrap();
        let entered = decision.actions.iter().filter(|(_, what)| *what == NoteKind::Entered).count();
        assert_eq!(entered, 1, "in turn {version}");
        afters.push(decision.after);
        body = decision.transition.unwrap().body;
        inbox.clear();
    }
    assert!(
        matches!(afters[..], [Disposition::Yield, Disposition::Yield, Disposition::End { .. }]),
        "{afters:?}"
    );
}
