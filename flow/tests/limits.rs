//! The limits of an activeflow, and the effect of exceeding them.

mod support;

use flow::Bundle;
use flow::cursor::{CursorState, Input};
use flow::step::limits;
use serde_json::json;
use support::{Drive, bundle_of, event, voice};

#[test]
fn a_long_run_yields_and_goes_on() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "variable_set", "option": { "key": "n", "value": "${(n | default(0)) + 1}" } },
        { "id": "b", "type": "condition", "option": { "expression": "n < 500", "true_target_id": "a", "false_target_id": "c" } },
        { "id": "c", "type": "sleep", "option": { "duration": 1 } },
    ])));
    let mut resumed = 0;
    while call.cursor.state() == CursorState::Yielded {
        call.input(Input::Resumed);
        resumed += 1;
    }
    assert_eq!((resumed, call.variable("/n"), call.at()), (3, json!(500), "c"));
}

#[test]
fn an_event_between_two_runs_is_kept() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "answer" },
        { "id": "b", "type": "goto", "option": { "target_id": "a", "loop_count": 200 } },
        { "id": "c", "type": "digits_receive", "option": { "length": 1 } },
    ])));
    assert_eq!(call.cursor.state(), CursorState::Yielded);
    call.digits("5");
    assert_eq!((call.cursor.state(), call.early().len()), (CursorState::Yielded, 1));
    call.input(Input::Resumed);
    assert_eq!((call.variable("/call/digits"), call.ended().as_deref()), (json!("5"), Some("finished")));
}

#[test]
fn the_same_action_a_thousand_times_without_an_input_is_a_loop() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "answer" },
        { "id": "b", "type": "condition", "option": { "expression": "call.from", "true_target_id": "a", "false_target_id": "c" } },
        { "id": "c", "type": "stop" },
    ])));
    while call.cursor.state() == CursorState::Yielded {
        call.input(Input::Resumed);
    }
    assert_eq!((call.ended().as_deref(), call.commands.len()), (Some("limit.loop"), limits::LOOP as usize));
}

#[test]
fn ten_thousand_actions_are_the_end() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "sleep", "option": { "duration": 1 } },
        { "id": "b", "type": "goto", "option": { "target_id": "a" } },
    ])));
    let mut timers = 0;
    while call.ended().is_none() {
        call.timer();
        timers += 1;
    }
    assert_eq!((call.ended().as_deref(), timers), (Some("limit.actions"), limits::ACTIONS / 2));
}

#[test]
fn variables_have_a_size() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "variable_set", "option": { "key": "x", "value": "${(x | default('0123456789')) ~ (x | default(''))}" } },
        { "id": "b", "type": "goto", "option": { "target_id": "a", "loop_count": 40 } },
    ])));
    while call.cursor.state() == CursorState::Yielded {
        call.input(Input::Resumed);
    }
    assert!(["limit.variables", "failed"].contains(&call.ended().unwrap().as_str()));
    let big = json!("x".repeat(40_000));
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "variable_set", "option": { "key": "x", "value": big } },
        { "id": "b", "type": "variable_set", "option": { "key": "y", "value": big } },
        { "id": "c", "type": "sleep", "option": { "duration": 1 } },
    ])));
    assert_eq!(call.ended().as_deref(), Some("limit.variables"));

    // `{"x":"…"}` beside `{}` without results and `null` without a message.
    let holds = |length: usize, after: &str| {
        let value = "x".repeat(length);
        let call = Drive::call(voice(json!([
            { "id": "a", "type": "variable_set", "option": { "key": "x", "value": value } },
            { "id": "b", "type": after, "option": { "duration": 1 } },
        ])));
        (call.ended(), call.noted("ended"))
    };
    let most = limits::VARIABLES - 8 - 2 - 4;
    assert_eq!(holds(most, "sleep"), (None, 0));
    assert_eq!(holds(most + 1, "sleep"), (Some("limit.variables".into()), 1));
    let call = Drive::call(voice(
        json!([{ "id": "a", "type": "variable_set", "option": { "key": "x", "value": "x".repeat(most + 1) } }]),
    ));
    assert_eq!((call.ended().as_deref(), call.noted("ended")), (Some("finished"), 1), "it ends once");
}

#[test]
fn a_value_is_nested_thirty_two_levels_deep() {
    let sets = |levels: usize, open: &str, close: &str| {
        let value: serde_json::Value =
            serde_json::from_str(&format!("{}1{}", open.repeat(levels), close.repeat(levels))).unwrap();
        let call = Drive::call(voice(json!([
            { "id": "a", "type": "variable_set", "option": { "key": "x", "value": [1, value] } },
            { "id": "b", "type": "sleep", "option": { "duration": 1 } },
        ])));
        (call.at().to_owned(), call.error_code())
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert_eq!(sets(31, open, close), ("b".into(), None));
        assert_eq!(sets(32, open, close), ("a".into(), Some("too_deep".into())));
    }
}

#[test]
fn subroutines_nest_thirty_two_deep() {
    let calling = |next: usize| json!({ "trigger": { "event": "call.incoming" }, "actions": [{ "id": "a", "type": "subroutine", "option": { "flow_id": next.to_string() } }] });
    let flows: Vec<(String, serde_json::Value)> = (1..40)
        .map(|depth| {
            (depth.to_string(), if depth == 39 { json!({ "actions": [] }) } else { calling(depth + 1) })
        })
        .collect();
    let flows: Vec<(&str, &serde_json::Value)> =
        flows.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let call = Drive::call(bundle_of(&calling(1), &flows));
    assert_eq!(call.ended().as_deref(), Some("limit.depth"));
}

#[test]
fn thirty_days_are_a_life() {
    let mut call = Drive::call(voice(
        json!([{ "id": "a", "type": "sleep", "option": { "duration": limits::LIFETIME_MS } }, { "id": "b", "type": "answer" }]),
    ));
    assert_eq!(call.timer(), [""; 0]);
    assert_eq!(call.ended().as_deref(), Some("limit.lifetime"));

    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "sleep", "option": { "duration": 1_000 } },
        { "id": "b", "type": "sleep", "option": { "duration": limits::LIFETIME_MS } },
    ])));
    let life_ends = call.now.plus_millis(limits::LIFETIME_MS);
    call.timer();
    assert_eq!((call.at(), call.wait().1), ("b", Some(life_ends)), "no wait outlasts the lifetime");
}

#[test]
fn early_inputs_are_bounded_and_a_drop_is_noted() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "talk", "option": { "text": "Hi" } },
        { "id": "b", "type": "digits_receive", "option": { "length": 40 } },
    ])));
    for _ in 0..40 {
        call.digits("1");
    }
    assert_eq!((call.early().len(), call.noted("dropped")), (32, 8));
    call.completed();
    assert_eq!((call.early().len(), call.at()), (0, "b"));
}

fn message() -> flow::Event {
    event("message.received", json!({ "from": "+1", "to": "+2", "text": "x" }))
}

/// A conversation that waits.
fn waiting_sms() -> Drive {
    let sms = json!({ "trigger": { "event": "message.received" }, "actions": [{ "id": "a", "type": "sleep", "option": { "duration": 9 } }] });
    let mut sms = Drive::new(bundle_of(&sms, &[]));
    sms.input(Input::Started(message()));
    sms
}

/// The store accepted them, and refuses what is too much.
#[test]
fn what_would_start_something_is_never_dropped() {
    let mut sms = waiting_sms();
    let large = vec![7; 64 * 1024];
    for _ in 0..300 {
        sms.input(Input::Event { event: message(), start: Some(large.clone()) });
    }
    assert_eq!((sms.early().len(), sms.noted("dropped")), (300, 0));
    let event = serde_json::to_vec(&message()).unwrap().len();
    assert_eq!(sms.early()[0].size(), event + large.len(), "the size that the store counts");
}

/// A burst of usage reports: only the newest total of a period matters.
#[test]
fn a_newer_usage_total_replaces_the_one_that_waits() {
    let sim = json!({ "type": "service", "trigger": { "event": "sim.usage" }, "actions": [{ "id": "a", "type": "sleep", "option": { "duration": 9 } }] });
    let mut sim = Drive::new(bundle_of(&sim, &[]));
    let usage =
        |period: &str, bytes: u8| event("sim.usage", json!({ "period": period, "total_bytes": bytes }));
    sim.input(Input::Started(usage("2026-11", 1)));
    for n in 2..=40 {
        sim.input(Input::Event { event: usage("2026-11", n), start: Some(vec![n]) });
    }
    sim.input(Input::Event { event: usage("2026-12", 1), start: Some(vec![99]) });
    let delta = event("sim.usage", json!({ "period": "2026-11", "delta_bytes": 7 }));
    sim.input(Input::Event { event: delta, start: Some(vec![100]) });
    let starts: Vec<u8> = sim.early().iter().filter_map(|early| early.start.clone()).flatten().collect();
    assert_eq!(starts, [40, 99, 100], "each period has its newest total, and deltas add up");
    assert_eq!((sim.noted("replaced"), sim.noted("dropped")), (38, 0));
}

#[test]
fn what_an_early_event_would_start_stays_beside_it() {
    let sms = json!({ "trigger": { "event": "message.received" }, "actions": [{ "id": "a", "type": "sleep", "option": { "duration": 9 } }] });
    let mut sms = Drive::new(bundle_of(&sms, &[]));
    let message = event("message.received", json!({ "from": "+1", "to": "+2", "text": "x" }));
    sms.input(Input::Started(message.clone()));
    sms.input(Input::Event { event: message, start: Some(vec![0, 255, 16]) });
    sms.timer();
    assert_eq!(sms.ended().as_deref(), Some("finished"));
    assert_eq!(sms.early()[0].start.as_deref(), Some(&[0, 255, 16][..]));
}

/// The store matches families (`sim.*`), so the cursor gets event types that its bundle does not name.
#[test]
fn whatever_would_start_something_is_kept_until_the_end_or_its_drop_is_noted() {
    let sim = json!({ "type": "service", "trigger": { "event": "sim.*" }, "actions": [
        { "id": "a", "type": "message_send", "option": { "text": "x", "source": { "target": "+1" },
            "destinations": [{ "target": "+2" }], "wait_delivery": true } },
    ] });
    let mut sim = Drive::new(bundle_of(&sim, &[]));
    sim.input(Input::Started(event("sim.usage", json!({ "total_bytes": 1 }))));
    for n in 1..=40 {
        sim.input(Input::Event { event: event("sim.attached", json!({ "cell": n })), start: Some(vec![n]) });
    }
    sim.input(Input::Event { event: event("call.digits", json!({})), start: None });
    assert_eq!((sim.noted("early"), sim.noted("ignored"), sim.noted("dropped")), (40, 1, 0));
    sim.completed();
    assert_eq!(sim.ended().as_deref(), Some("finished"));
    let starts: Vec<u8> =
        sim.early().iter().filter_map(|early| early.start.as_ref()).flatten().copied().collect();
    assert_eq!(starts, (1..=40).collect::<Vec<u8>>());
}

#[test]
fn what_comes_after_thirty_days_is_handed_on() {
    let sms = json!({ "trigger": { "event": "message.received" }, "actions": [{ "id": "a", "type": "sleep", "option": { "duration": limits::LIFETIME_MS } }] });
    let mut sms = Drive::new(bundle_of(&sms, &[]));
    let message = event("message.received", json!({ "from": "+1", "to": "+2", "text": "x" }));
    sms.input(Input::Started(message.clone()));
    sms.now = sms.now.plus_millis(limits::LIFETIME_MS);
    sms.input(Input::Event { event: message, start: Some(vec![7]) });
    assert_eq!((sms.ended().as_deref(), sms.early().len()), (Some("limit.lifetime"), 1));
}

#[test]
fn a_message_has_at_most_a_hundred_destinations_also_in_a_bundle_of_before() {
    let sends = |many: usize| {
        let to: Vec<_> = (0..many).map(|n| json!({ "target": format!("+1555{n:04}") })).collect();
        json!({ "name": "x", "on_end": "leave", "trigger": { "event": "call.incoming" }, "actions": [{ "id": "a", "type": "message_send", "option": { "text": "x", "destinations": to } }] })
    };
    let found = flow::validate(&sends(101).to_string());
    assert_eq!(
        (found[0].code.as_str(), found[0].pointer.as_str()),
        ("SBX0204", "/actions/0/option/destinations")
    );
    let most = bundle_of(&sends(100), &[]);
    assert_eq!(Drive::call(Bundle::from_bytes(most.to_bytes()).unwrap()).commands.len(), 100);
    let before = json!({ "main": "main", "document": sends(101) }).to_string();
    let call = Drive::call(Bundle::from_bytes(&[&[1], before.as_bytes()].concat()).unwrap());
    assert_eq!((call.commands.len(), call.error_code().as_deref()), (0, Some("too_many_destinations")));
    let plays = |many: usize| json!({ "name": "x", "trigger": { "event": "call.incoming" }, "actions": [{ "id": "a", "type": "play", "option": { "stream_urls": vec!["https://x.example"; many] } }] });
    assert_eq!(flow::validate(&plays(100).to_string()), []);
    assert_eq!(flow::validate(&plays(101).to_string())[0].code, "SBX0204");
}

#[test]
fn the_text_of_an_option_has_a_size() {
    let says = |digits: usize| {
        Drive::call(voice(json!([
            { "id": "a", "type": "variable_set", "option": { "key": "x", "value": "x".repeat(digits) } },
            { "id": "b", "type": "talk", "option": { "text": "${x}${x}" }, "on_error": "stop" },
        ])))
    };
    assert_eq!(says(8 * 1024).commands.len(), 1);
    assert_eq!(says(8 * 1024 + 1).error_code().as_deref(), Some("text_too_long"));
}

#[test]
fn the_notes_of_a_step_are_bounded_and_the_rest_is_counted() {
    let text: String = (0..1_000).map(|n| format!("${{call.n{n}}}")).collect();
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "talk", "option": { "text": text, "async": true } },
        { "id": "b", "type": "stop" },
    ])));
    let noted: Vec<&str> = call.notes.iter().map(|note| note.what.as_str()).collect();
    assert_eq!((noted.len(), &noted[256..]), (258, &["ended", "notes_dropped"][..]));
    // A text names 256 of its empty variables. Of the start, two entries and these, 256 are in the journal.
    assert_eq!(call.notes.last().unwrap().detail, json!({ "count": 3 }));
}

/// As documented in docs/limits.md.
#[test]
fn the_limits_are_what_people_are_told() {
    let counts =
        (limits::ACTIONS, limits::DEPTH, limits::LOOP, limits::ACTIONS_PER_STEP, limits::DESTINATIONS);
    assert_eq!(counts, (10_000, 32, 1_000, 256, 100));
    assert_eq!(limits::WORK_PER_STEP, 1_000_000);
    assert_eq!((limits::VARIABLES, limits::TEXT, flow::MAX_DOCUMENT_BYTES), (65_536, 16_384, 2_097_152));
    assert_eq!(limits::LIFETIME_MS, 2_592_000_000);
}

#[test]
fn a_wait_without_a_duration_of_its_own_ends_after_a_while() {
    let waits = |trigger: &str, kind: &str, option: serde_json::Value| {
        let document = json!({ "trigger": { "event": trigger }, "actions": [{ "id": "a", "type": kind, "option": option }] });
        let mut drive = Drive::new(bundle_of(&document, &[]));
        drive.input(Input::Started(event(trigger, json!({ "from": "+1", "to": "+2" }))));
        drive.wait().1.map(|until| until.micros_since(drive.now) / 1_000_000)
    };
    let day = 86_400;
    assert_eq!(waits("call.incoming", "talk", json!({ "text": "Hi" })), Some(600));
    assert_eq!(waits("call.incoming", "play", json!({ "stream_urls": ["x"] })), Some(600));
    assert_eq!(waits("call.incoming", "digits_receive", json!({})), Some(10));
    assert_eq!(waits("call.incoming", "recording_stop", json!({ "wait": true })), Some(60));
    assert_eq!(waits("message.received", "message_receive", json!({})), Some(day));
    assert_eq!(
        waits("message.received", "message_send", json!({ "text": "x", "wait_delivery": true })),
        Some(day)
    );
}
