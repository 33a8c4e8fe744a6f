//! The effects of one input, and the state that it does not change.

mod support;

use flow::cursor::{Cursor, CursorState, Input};
use flow::step::{NoteKind, limits, step, step_within};
use flow::{Bundle, Timestamp};
use serde_json::{Value, json};
use support::{Drive, bundle_of, event, voice};

fn listening() -> Bundle {
    voice(json!([
        { "id": "say", "type": "talk", "option": { "text": "Hi", "async": true } },
        { "id": "ask", "type": "digits_receive", "option": { "length": 1 } },
    ]))
}

#[test]
fn nothing_happens_before_the_start_but_a_stop() {
    let mut call = Drive::new(listening());
    let before = call.cursor.clone();
    let digits = event("call.digits", json!({ "digits": "1" }));
    for (noted, input) in (1..).zip([
        Input::Event { event: digits, start: Some(vec![1]) },
        Input::Event { event: event("call.hangup", json!({})), start: None },
        Input::Timer { wait: 0 },
        Input::Continued,
        Input::Resumed,
        Input::Forwarded { action_id: "ask".into() },
    ]) {
        assert_eq!(call.input(input.clone()), [], "{input:?}");
        assert_eq!((&call.cursor, call.noted("ignored")), (&before, noted), "{input:?}");
    }
    call.input(Input::Stopped);
    assert_eq!(call.ended().as_deref(), Some("stopped"));
}

#[test]
fn the_same_start_again_changes_nothing() {
    let mut call = Drive::call(listening());
    let before = call.cursor.clone();
    assert_eq!(call.input(Input::Started(event("call.incoming", json!({})))), []);
    assert_eq!(call.cursor, before);
}

#[test]
fn what_is_meant_for_a_wait_changes_nothing_where_there_is_none() {
    let bundle = listening();
    let start = Input::Started(event("call.incoming", json!({})));
    let yielded = step_within(&bundle, Drive::new(listening()).cursor, start, Timestamp::default(), 1);
    assert_eq!(yielded.cursor.state(), CursorState::Yielded);
    for input in [Input::Continued, Input::Timer { wait: 0 }] {
        let after = step(&bundle, yielded.cursor.clone(), input, Timestamp::default());
        let notes: Vec<NoteKind> = after.notes.iter().map(|note| note.what).collect();
        assert_eq!((after.cursor, notes), (yielded.cursor.clone(), vec![NoteKind::Ignored]));
    }
    let mut waiting = Drive::call(bundle);
    let before = waiting.cursor.clone();
    waiting.input(Input::Resumed);
    assert_eq!(waiting.cursor, before);
}

#[test]
fn only_the_whole_number_of_actions_is_told_as_a_yield() {
    let long = || {
        Drive::new(voice(json!([
            { "id": "a", "type": "answer" },
            { "id": "b", "type": "goto", "option": { "target_id": "a", "loop_count": 400 } },
        ])))
    };
    let told = |actions: u32| {
        let Drive { bundle, cursor, .. } = long();
        let start = Input::Started(event("call.incoming", json!({})));
        let step = step_within(&bundle, cursor, start, Timestamp::default(), actions);
        (step.effects.len(), step.notes.iter().filter(|note| note.what.as_str() == "yielded").count())
    };
    let most = limits::ACTIONS_PER_STEP;
    assert_eq!([told(0), told(2), told(most), told(most + 1)], [(1, 0), (1, 0), (128, 1), (128, 1)]);
    assert_eq!(Drive::call(listening()).noted("yielded"), 0);
}

#[test]
fn an_event_that_some_action_hears_is_kept_for_it() {
    let chat = json!({ "trigger": { "event": "message.received" }, "actions": [
        { "id": "ask", "type": "message_send", "option": { "text": "?", "wait_delivery": true } },
        { "id": "hear", "type": "message_receive" },
        { "id": "end", "type": "sleep", "option": { "duration": 1 } },
    ] });
    let mut chat = Drive::new(bundle_of(&chat, &[]));
    chat.input(Input::Started(event("message.received", json!({ "from": "+1", "to": "+2", "text": "x" }))));
    chat.hear("message.received", json!({ "from": "+1", "to": "+2", "text": "early" }));
    assert_eq!((chat.at(), chat.early().len()), ("ask", 1));
    chat.completed();
    assert_eq!((chat.at(), chat.variable("/actions/hear/text")), ("end", json!("early")));

    let mut call = Drive::call(voice(json!([
        { "id": "say", "type": "talk", "option": { "text": "Hi" } },
        { "id": "ask", "type": "digits_receive", "option": { "length": 1 } },
    ])));
    for nothing in [json!({ "digits": "" }), json!({}), json!({ "digits": 7 })] {
        call.hear("call.digits", nothing);
    }
    call.hear("call.answered", json!({ "digits": "1" }));
    assert_eq!(call.early().len(), 0, "digits without a digit, and what nobody hears");
}

#[test]
fn a_failed_command_that_nobody_waits_for_is_noted() {
    let mut call = Drive::call(listening());
    let failed = |id: &str| json!({ "command_id": id, "error": { "code": "no_tts" } });
    call.hear("command.failed", failed("8a4f:1"));
    let note = call.notes.last().unwrap();
    let detail = json!({ "command_id": "8a4f:1", "error": "`{\"code\":\"no_tts\"}`" });
    assert_eq!((note.what.as_str(), &note.detail), ("command_failed", &detail));
    call.hear("command.failed", failed("other:1"));
    call.hear("command.completed", failed("8a4f:1"));
    assert_eq!(call.noted("command_failed"), 1);
    assert_eq!(call.noted("notes_dropped"), 0);
}

#[test]
fn a_cursor_that_stands_where_its_bundle_has_nothing_ends_and_says_so() {
    let other = voice(json!([{ "id": "else", "type": "sleep", "option": { "duration": 1 } }]));
    for input in [Input::Continued, Input::Timer { wait: 1 }] {
        let lost = step(&other, Drive::call(listening()).cursor, input, Timestamp::from_micros(1_000_000));
        let CursorState::Ended(ending) = lost.cursor.state() else { panic!("{:?}", lost.cursor.state()) };
        let error = ending.error.unwrap();
        assert_eq!((ending.reason.as_str(), error.code.as_str()), ("failed", "unknown_action"));
        assert_eq!((error.action_id.as_deref(), error.message.contains("`ask`")), (Some("ask"), true));
    }
}

#[test]
fn a_prompt_is_left_out_for_digits_that_it_would_hear_and_for_nothing_else() {
    let hi = |options: Value| {
        let mut option = json!({ "text": "Hi" });
        option.as_object_mut().unwrap().extend(options.as_object().cloned().unwrap());
        let mut call = Drive::call(voice(json!([
            { "id": "before", "type": "talk", "option": { "text": "Hello" } },
            { "id": "prompt", "type": "talk", "option": option },
            { "id": "ask", "type": "digits_receive", "option": { "length": 3 } },
        ])));
        call.digits("1");
        call.completed()
    };
    assert_eq!(hi(json!({ "digits_handle": "next" })), [""; 0]);
    assert_eq!(hi(json!({})), ["call.talk: Hi"]);
    assert_eq!(hi(json!({ "digits_handle": "next", "async": true })), ["call.talk: Hi"]);

    let mut call = Drive::call(voice(json!([
        { "id": "before", "type": "talk", "option": { "text": "Hello", "digits_handle": "next" } },
        { "id": "prompt", "type": "play", "option": { "stream_urls": ["https://x.example"], "digits_handle": "next" } },
    ])));
    let other = event("call.incoming", json!({ "digits": "1" }));
    call.input(Input::Event { event: other, start: Some(vec![1]) });
    call.hear("call.digits", json!({ "digits": "x" }));
    assert_eq!(call.at(), "before");
    assert_eq!(call.completed(), ["call.play"]);
    call.digits("1");
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn digits_that_were_all_taken_leave_nothing_behind() {
    let mut call = Drive::call(voice(json!([
        { "id": "ask", "type": "digits_receive", "option": { "length": 2 } },
        { "id": "say", "type": "talk", "option": { "text": "Hi" } },
    ])));
    call.digits("12");
    assert_eq!((call.at(), call.early().len()), ("say", 0));
}

#[test]
fn a_message_is_awaited_and_nothing_else_is_taken_for_one() {
    let chat = json!({ "trigger": { "event": "message.received" }, "actions": [
        { "id": "hear", "type": "message_receive", "option": { "duration": 5_000 } },
        { "id": "end", "type": "sleep", "option": { "duration": 1 } },
    ] });
    let received = json!({ "from": "+1", "to": "+2", "text": "x" });
    let mut chat = Drive::new(bundle_of(&chat, &[]));
    chat.input(Input::Started(event("message.received", received)));
    chat.hear("message.delivered", json!({ "text": "no" }));
    chat.hear("command.completed", json!({ "command_id": "8a4f:1" }));
    assert_eq!(chat.at(), "hear");
    chat.timer();
    assert_eq!(
        (chat.at(), chat.variable("/actions/hear")),
        ("end", json!({ "text": "", "timed_out": true }))
    );
}

/// `from -> to` of the message, or why there is none.
fn sent(trigger: &str, message: Value) -> String {
    let flow =
        json!({ "on_end": "leave", "actions": [{ "id": "a", "type": "message_send", "option": message }] });
    let mut drive = Drive::new(bundle_of(&flow, &[]));
    let commands = drive.input(Input::Started(event(trigger, json!({ "from": "+1", "to": "+2" }))));
    match commands.first() {
        Some(command) => format!("{} -> {}", command.data["from"], command.data["to"]).replace('"', ""),
        None => drive.error_code().unwrap_or_default(),
    }
}

#[test]
fn a_message_goes_from_the_own_number_to_the_peer_unless_the_flow_says_otherwise() {
    let plain = json!({ "text": "x" });
    assert_eq!(sent("call.incoming", plain.clone()), "+2 -> +1");
    assert_eq!(sent("call.outgoing", plain.clone()), "+1 -> +2");
    assert_eq!(sent("message.received", plain.clone()), "+2 -> +1");
    assert_eq!(sent("custom.alarm", plain), "no_source");
    let source = json!({ "text": "x", "source": { "target": "+3" } });
    assert_eq!(sent("call.incoming", source.clone()), "+3 -> +1");
    assert_eq!(sent("custom.alarm", source), "no_destination");
    let whom = json!({ "text": "x", "source": { "target": "+3" }, "destinations": [{ "target": "+4" }] });
    assert_eq!(sent("custom.alarm", whom), "+3 -> +4");
    let none = json!({ "text": "x", "source": { "target": "+3" }, "destinations": [{ "target": "${event.data.x}" }] });
    assert_eq!(sent("custom.alarm", none), "no_destination");
    assert_eq!(sent("call.incoming", json!({ "text": "x", "destinations": [] })), "+2 -> +1");
}

/// The length of a sleep of this duration, or its error.
fn sleeps(duration: &str) -> Result<i64, String> {
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "sleep", "option": { "duration": duration } },
    ])));
    let until = |cursor: &Cursor| match cursor.state() {
        CursorState::Waiting { until, .. } => until,
        _ => None,
    };
    until(&call.cursor)
        .map(|until| until.micros_since(call.now) / 1_000)
        .ok_or_else(|| call.error_code().unwrap_or_default())
}

#[test]
fn a_computed_number_is_whole_whatever_its_notation() {
    for (text, ms) in
        [("${7}", 7), ("${6 / 2}", 3), ("${0.0}", 0), ("${' 5 '}", 5), ("${call.nothing | default(4)}", 4)]
    {
        assert_eq!(sleeps(text), Ok(ms), "{text}");
    }
    for text in ["${5 / 2}", "${0 - 1}", "${0.0 - 1}", "${9e15}", "${'x'}", "${true}", "${[1]}"] {
        assert_eq!(sleeps(text), Err("invalid_option".into()), "{text}");
    }
}
