//! The meaning of each action, one sentence per test.

mod support;

use flow::cursor::{CursorState, Input};
use flow::step::MessageQuota;
use serde_json::{Value, json};
use support::{Drive, bundle_of, event, voice};

const NOTHING: [&str; 0] = [];

#[test]
fn actions_that_wait_for_nothing_are_one_step() {
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "answer" },
        { "id": "b", "type": "talk", "option": { "text": "Hi", "async": true } },
        { "id": "c", "type": "play", "option": { "stream_urls": ["https://x.example/1.wav"], "async": true } },
        { "id": "d", "type": "message_send", "option": { "text": "Bye" } },
        { "id": "e", "type": "hangup" },
    ])));
    let kinds: Vec<_> =
        call.commands.iter().map(|c| (c.sequence, c.kind.as_str(), c.action_id.as_str())).collect();
    assert_eq!(
        kinds,
        [
            (1, "call.answer", "a"),
            (2, "call.talk", "b"),
            (3, "call.play", "c"),
            (4, "message.send", "d"),
            (5, "call.hangup", "e")
        ]
    );
    assert_eq!(call.ended().as_deref(), Some("finished"));
    assert_eq!(call.at(), "e");
}

fn prompt_and_digits(talk: Value, digits: Value) -> Drive {
    Drive::call(voice(json!([
        { "id": "talk", "type": "talk", "option": talk },
        { "id": "digits", "type": "digits_receive", "option": digits },
        { "id": "more", "type": "digits_receive", "option": { "length": 2, "duration": 1000 } },
    ])))
}

#[test]
fn a_talk_ends_with_its_answer_and_with_no_other() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 1 }));
    let before = call.cursor.clone();
    for id in ["8a4f:2", "other:1", "8a4f:", "nonsense"] {
        call.hear("command.completed", json!({ "command_id": id }));
    }
    assert_eq!(call.cursor, before);
    call.completed();
    assert_eq!(call.at(), "digits");
    assert_eq!(call.variable("/actions/talk/result"), json!({ "ok": true }));
}

#[test]
fn digits_end_a_talk_and_reach_the_digits_receive_behind_it() {
    let mut call =
        prompt_and_digits(json!({ "text": "Hi", "digits_handle": "next" }), json!({ "length": 1 }));
    assert_eq!(call.commands[0].data["digits_handle"], json!("next"));
    call.digits("7");
    assert_eq!((call.at(), call.variable("/actions/digits/digits")), ("more", json!("7")));
    assert!(call.early().is_empty());
}

#[test]
fn digits_that_do_not_end_a_talk_wait_for_the_next_digits_receive() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 1 }));
    let wait = call.wait();
    call.digits("7");
    assert_eq!((call.at(), call.wait(), call.early().len()), ("talk", wait, 1));
    call.completed();
    assert_eq!((call.at(), call.variable("/call/digits")), ("more", json!("7")));
}

#[test]
fn what_came_early_is_heard_in_the_order_in_which_it_came() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 3 }));
    for digit in ["1", "2", "3"] {
        call.digits(digit);
    }
    call.completed();
    assert_eq!(call.variable("/actions/digits/digits"), json!("123"));
}

#[test]
fn a_start_that_comes_again_changes_nothing() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 1 }));
    let before = call.cursor.clone();
    call.now = call.now.plus_millis(1000);
    call.input(Input::Started(event("call.incoming", json!({ "from": "+15550199", "to": "+15550111" }))));
    assert_eq!((&call.cursor, call.commands.len()), (&before, 1));
}

#[test]
fn a_prompt_is_not_begun_when_digits_are_already_there() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "digits_receive", "option": { "length": 1 } },
        { "id": "b", "type": "talk", "option": { "text": "For x press 1", "digits_handle": "next" } },
        { "id": "c", "type": "digits_receive", "option": { "length": 1 } },
    ])));
    assert_eq!(call.digits("12"), NOTHING);
    assert_eq!((call.ended().as_deref(), call.variable("/actions/c/digits")), (Some("finished"), json!("2")));
}

#[test]
fn digits_beyond_the_length_stay_for_the_next_action() {
    let mut call = prompt_and_digits(json!({ "text": "Hi", "async": true }), json!({ "length": 2 }));
    call.digits("1");
    call.digits("234");
    assert_eq!(call.variable("/actions/digits/digits"), json!("12"));
    assert_eq!(
        (call.variable("/actions/more/digits"), call.ended().as_deref()),
        (json!("34"), Some("finished"))
    );
}

#[test]
fn the_key_ends_the_digits_and_is_not_one_of_them() {
    let mut call =
        prompt_and_digits(json!({ "text": "Hi", "async": true }), json!({ "key": "#", "duration": 9000 }));
    call.digits("1234#5");
    assert_eq!((call.variable("/actions/digits/digits"), call.at()), (json!("1234"), "more"));
    call.timer();
    assert_eq!(call.variable("/actions/more"), json!({ "digits": "5", "timed_out": true }));
}

#[test]
fn a_digit_that_is_not_enough_keeps_the_wait_and_its_deadline() {
    let mut call =
        prompt_and_digits(json!({ "text": "Hi", "async": true }), json!({ "length": 3, "duration": 5000 }));
    let (wait, until) = call.wait();
    assert_eq!(until, Some(call.now.plus_millis(5000)));
    call.now = call.now.plus_millis(4000);
    call.digits("1");
    assert_eq!(call.wait(), (wait, until));
    call.timer();
    assert_eq!((call.variable("/call/digits"), call.at()), (json!("1"), "more"));
}

#[test]
fn a_timer_of_a_wait_that_is_gone_changes_nothing() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 1 }));
    let (old, _) = call.wait();
    call.completed();
    let before = call.cursor.clone();
    call.input(Input::Timer { wait: old });
    call.input(Input::Timer { wait: 99 });
    assert_eq!(call.cursor, before);
}

#[test]
fn a_prompt_that_failed_goes_on_and_tells_its_error() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "talk", "option": { "text": "Hi" } },
        { "id": "b", "type": "talk", "option": { "text": "${error.code} at ${error.action_id}" } },
    ])));
    assert_eq!(call.failed("no_tts"), ["call.talk: no_tts at a"]);
    call.timer();
    assert_eq!(call.variable("/error/code"), json!("timeout"));
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn on_error_stops_or_jumps_where_the_flow_says_so() {
    let call = |on_error: &str| {
        let mut call = Drive::call(voice(json!([
            { "id": "a", "type": "talk", "option": { "text": "Hi" }, "on_error": on_error, "next_id": "a" },
            { "id": "b", "type": "talk", "option": { "text": "Sorry" } },
        ])));
        let said = call.failed("no_tts");
        (said, call.ended(), call.error_code())
    };
    assert_eq!(call("stop"), (vec![], Some("failed".into()), Some("no_tts".into())));
    assert_eq!(call("b"), (vec!["call.talk: Sorry".into()], None, None));
    let message = |on_error: &str| {
        let call = Drive::call(voice(json!([
            { "id": "a", "type": "message_send", "option": { "text": "Hi", "source": { "target": "" } }, "on_error": on_error },
            { "id": "b", "type": "sleep", "option": { "duration": 1 } },
        ])));
        (call.at().to_owned(), call.ended())
    };
    assert_eq!(message("continue"), ("b".into(), None));
    assert_eq!(message(""), ("a".into(), Some("failed".into())), "a message that cannot be sent stops");
}

#[test]
fn a_hangup_of_a_further_leg_ends_nothing() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 1 }));
    call.hear("call.hangup", json!({ "leg": "8a4f:1/+1555" }));
    assert_eq!(call.ended(), None);
    call.hear("call.hangup", json!({}));
    assert_eq!(call.ended().as_deref(), Some("hangup"));
}

#[test]
fn a_goto_jumps_so_often_and_counts_again_when_its_loop_was_left() {
    let mut call = Drive::call(voice(json!([
        { "id": "outer", "type": "talk", "option": { "text": "outer", "async": true } },
        { "id": "inner", "type": "talk", "option": { "text": "inner", "async": true } },
        { "id": "ask", "type": "digits_receive", "option": { "length": 1 } },
        { "id": "by-digit", "type": "branch", "option": { "target_ids": { "0": "back" } } },
        { "id": "again", "type": "goto", "option": { "target_id": "inner", "loop_count": 2 } },
        { "id": "back", "type": "goto", "option": { "target_id": "outer", "loop_count": 2 } },
    ])));
    assert_eq!(call.digits("1"), ["call.talk: inner"]);
    // Left by the branch after one jump: the inner loop starts again.
    assert_eq!(call.digits("0"), ["call.talk: outer", "call.talk: inner"]);
    assert_eq!(call.digits("1"), ["call.talk: inner"]);
    assert_eq!(call.digits("1"), ["call.talk: inner"]);
    assert_eq!(call.digits("1"), ["call.talk: outer", "call.talk: inner"]);
    assert_eq!(call.digits("0"), NOTHING);
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn a_branch_takes_aliases_and_does_not_clear_what_it_read() {
    let mut call = Drive::call(voice(json!([
        { "id": "d", "type": "digits_receive", "option": { "length": 1 } },
        { "id": "b", "type": "branch", "option": { "variable": "voipbin.call.digits", "target_ids": { "1": "t" }, "default_target_id": "e" } },
        { "id": "e", "type": "stop" },
        { "id": "t", "type": "talk", "option": { "text": "${call.digits} ${voipbin.call.source.target} ${voipbin.call.destination.target}" } },
    ])));
    assert_eq!(call.digits("1"), ["call.talk: 1 +15550100 +15550111"]);
}

#[test]
fn variables_hold_any_json_and_dots_reach_into_it() {
    let call = Drive::call(voice(json!([
        { "id": "a", "type": "variable_set", "option": { "key": "n", "value": 2 } },
        { "id": "b", "type": "variable_set", "option": { "key": "box", "value": { "twice": "${n * 2}", "list": ["${call.from}", true] } } },
        { "id": "c", "type": "variable_set", "option": { "key": "box.deep.er", "value": "${box.list[1]}" } },
        { "id": "d", "type": "sleep", "option": { "duration": "${n * 500}" } },
    ])));
    assert_eq!(
        call.variable("/box"),
        json!({ "twice": 4, "list": ["+15550100", true], "deep": { "er": true } })
    );
    assert_eq!(call.wait().1, Some(call.now.plus_millis(1000)));
}

#[test]
fn a_missing_variable_is_empty_and_noted() {
    let call = Drive::call(voice(
        json!([{ "id": "a", "type": "talk", "option": { "text": "Hello ${call.nobody}!" } }]),
    ));
    assert_eq!(call.commands[0].data["text"], json!("Hello !"));
    assert_eq!(call.noted("empty_variable"), 1);
}

#[test]
fn a_subroutine_has_variables_of_its_own_and_gives_results_back() {
    let main = json!({ "name": "main", "trigger": { "event": "call.incoming" }, "variables": { "x": 1 }, "actions": [
        { "id": "call", "type": "fetch_flow", "option": { "flow_id": "sub", "arguments": { "y": "${x + 1}" }, "results": { "z": "${y * 10}" } } },
        { "id": "say", "type": "talk", "option": { "text": "${z} ${actions.call.z}" } },
    ] });
    let sub = json!({ "name": "sub", "variables": { "y": 0, "x": "mine" }, "actions": [
        { "id": "set", "type": "variable_set", "option": { "key": "x", "value": "changed" } },
        { "id": "wait", "type": "digits_receive", "option": { "length": 1 } },
    ] });
    let mut call = Drive::call(bundle_of(&main, &[("sub", &sub)]));
    assert_eq!((call.at(), call.variable("/x")), ("wait", json!("changed")));
    assert_eq!(call.digits("1"), ["call.talk: 20 20"]);
    assert_eq!(call.variable("/x"), json!(1));
}

#[test]
fn a_stop_ends_subroutine_and_caller() {
    let main = json!({ "on_end": "leave", "trigger": { "event": "call.incoming" }, "actions": [
        { "id": "call", "type": "subroutine", "option": { "flow_id": "sub" } },
        { "id": "say", "type": "talk", "option": { "text": "never" } },
    ] });
    let sub = json!({ "actions": [{ "id": "end", "type": "stop" }] });
    let call = Drive::call(bundle_of(&main, &[("sub", &sub)]));
    assert_eq!((call.ended().as_deref(), call.commands.len()), (Some("finished"), 0));
}

#[test]
fn a_message_waits_for_the_delivery_of_all_its_copies() {
    let mut call = Drive::call(voice(json!([
        { "id": "a", "type": "message_send", "option": { "text": "Hi", "wait_delivery": true,
            "source": { "target": "+1" }, "destinations": [{ "type": "tel", "target": "+2" }, { "type": "tel", "target": "+3" }] } },
    ])));
    call.hear("command.completed", json!({ "command_id": "8a4f:1" }));
    call.hear("command.completed", json!({ "command_id": "8a4f:1" }));
    assert_eq!(call.ended(), None);
    call.hear("command.completed", json!({ "command_id": "8a4f:2" }));
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn a_failed_delivery_stops_where_the_flow_says_nothing() {
    let mut call = Drive::call(voice(
        json!([{ "id": "a", "type": "message_send", "option": { "text": "Hi", "wait_delivery": true } }]),
    ));
    call.failed("unreachable");
    assert_eq!(
        (call.ended().as_deref(), call.error_code().as_deref()),
        (Some("failed"), Some("unreachable"))
    );
}

#[test]
fn a_recording_goes_on_at_once_and_the_flow_knows_its_name() {
    let mut call = Drive::call(voice(json!([
        { "id": "rec", "type": "recording_start", "option":
            { "name": "box-${call.to}", "format": "mp3", "duration": 120, "end_of_silence": "${2 + 3}", "end_of_key": "#", "beep_start": true } },
        { "id": "say", "type": "talk", "option": { "text": "${actions.rec.name}" } },
        { "id": "stop", "type": "recording_stop" },
        { "id": "again", "type": "recording_start" },
        { "id": "end", "type": "recording_stop", "option": { "name": "${actions.again.name}" } },
    ])));
    assert_eq!(
        json!(call.commands[0].data),
        json!({ "name": "box-+15550111", "format": "mp3", "duration": 120, "end_of_silence": 5, "end_of_key": "#", "beep_start": true })
    );
    assert_eq!(support::spoken(&call.commands[1]), "call.talk: box-+15550111");
    assert_eq!(call.completed(), ["call.recording_stop", "call.recording_start", "call.recording_stop"]);
    assert_eq!(json!(call.commands[2].data), json!({}), "without a name every recording ends");
    assert_eq!(
        json!(call.commands[3].data),
        json!({ "name": "8a4f-4", "format": "wav", "duration": 0, "end_of_silence": 0, "end_of_key": "none", "beep_start": false })
    );
    assert_eq!(json!(call.commands[4].data), json!({ "name": "8a4f-4" }));
    assert_eq!(call.ended().as_deref(), Some("finished"));
}

#[test]
fn a_recording_stop_that_waits_tells_what_the_gateway_kept() {
    let stop = || {
        Drive::call(voice(json!([
            { "id": "rec", "type": "recording_start" },
            { "id": "stop", "type": "recording_stop", "option": { "wait": true } },
            { "id": "say", "type": "talk", "option": { "text": "${actions.stop.result.ok} ${error.code | default('')}" } },
        ])))
    };
    let mut call = stop();
    call.hear("command.completed", json!({ "command_id": "8a4f:1", "result": { "ok": "of the start" } }));
    assert_eq!((call.at(), call.wait().1), ("stop", Some(call.now.plus_millis(60_000))));
    assert_eq!(call.completed(), ["call.talk: true "]);
    assert_eq!(stop().failed("disk_full"), ["call.talk:  disk_full"], "the flow goes on");
    assert_eq!(stop().timer(), ["call.talk:  timeout"]);
}

#[test]
fn a_recording_whose_name_could_mean_a_path_is_not_begun() {
    for name in ["../../etc/passwd", "", ".hidden", "a b", &"x".repeat(129)] {
        let actions = json!([
            { "id": "set", "type": "variable_set", "option": { "key": "name", "value": name } },
            { "id": "rec", "type": "recording_start", "option": { "name": "${name}" } },
            { "id": "say", "type": "talk", "option": { "text": "${error.code} at ${error.action_id}" } },
        ]);
        let said: Vec<_> = Drive::call(voice(actions)).commands.iter().map(support::spoken).collect();
        assert_eq!(said, ["call.talk: invalid_option at rec"], "{name:?}");
    }
}

#[test]
fn reserved_ids_keep_their_meaning() {
    let ids = |target: &str| {
        let mut call = Drive::call(voice(json!([
            { "id": "d", "type": "digits_receive", "option": { "length": 1 } },
            { "id": "b", "type": "branch", "option": { "target_ids": { "1": format!("00000000-0000-0000-0000-00000000000{target}") } } },
            { "id": "t", "type": "talk", "option": { "text": "next" } },
        ])));
        call.digits("1");
        (call.at().to_owned(), call.ended())
    };
    assert_eq!(ids("0").1.as_deref(), Some("finished"));
    assert_eq!(ids("1").0, "d");
    assert_eq!(ids("2").1.as_deref(), Some("finished"));
    assert_eq!(ids("3").0, "t");
}

#[test]
fn a_media_action_without_a_call_is_skipped() {
    let mut rest = Drive::new(bundle_of(
        &json!({ "actions": [{ "id": "a", "type": "talk", "option": { "text": "Hi" } }] }),
        &[],
    ));
    rest.cursor = flow::Cursor::new(
        &rest.bundle,
        flow::cursor::Identity {
            activeflow_id: "1".into(),
            customer_id: "c".into(),
            reference_type: "api".into(),
            reference_id: "r".into(),
        },
    );
    rest.input(Input::Started(event("api.started", json!({}))));
    assert_eq!((rest.noted("skipped"), rest.ended().as_deref()), (1, Some("finished")));
}

#[test]
fn control_forwards_continues_and_stops() {
    let mut call = prompt_and_digits(json!({ "text": "Hi" }), json!({ "length": 2 }));
    call.input(Input::Forwarded { action_id: "nowhere".into() });
    assert_eq!((call.at(), call.noted("unknown_action")), ("talk", 1));
    call.input(Input::Forwarded { action_id: "digits".into() });
    assert_eq!(call.at(), "digits");
    call.digits("1");
    call.input(Input::Continued);
    assert_eq!((call.at(), call.variable("/call/digits")), ("more", json!("1")));
    call.input(Input::Stopped);
    assert_eq!(
        call.cursor.state(),
        CursorState::Ended(flow::cursor::Ending { reason: "stopped".into(), error: None })
    );
}

/// The commands of a flow with these actions after a call came in and `then` happened.
fn commands_at_the_end(document: serde_json::Value, then: impl FnOnce(&mut Drive)) -> Vec<String> {
    let mut call = Drive::call(bundle_of(&document, &[]));
    then(&mut call);
    assert!(call.ended().is_some());
    call.commands.iter().map(|command| command.kind.clone()).collect()
}

fn voice_document(actions: serde_json::Value) -> serde_json::Value {
    json!({ "name": "line", "trigger": { "event": "call.incoming" }, "actions": actions })
}

#[test]
fn a_voice_flow_that_ends_releases_the_line_once() {
    let talk = json!({ "id": "t", "type": "talk", "option": { "text": "Hello.", "async": true } });
    let wait = json!({ "id": "w", "type": "digits_receive" });
    let fails = json!({ "id": "f", "type": "variable_set", "option": { "key": "x", "value": "${1 / 0}" }, "on_error": "stop" });
    let hangup = json!({ "id": "h", "type": "hangup" });
    let end =
        |actions: serde_json::Value, then: fn(&mut Drive)| commands_at_the_end(voice_document(actions), then);
    let nothing: fn(&mut Drive) = |_| {};
    assert_eq!(end(json!([talk]), nothing), ["call.talk", "call.hangup"], "no hangup at the end");
    assert_eq!(end(json!([fails, hangup]), nothing), ["call.hangup"], "it fails before its hangup");
    assert_eq!(
        end(json!([wait, hangup]), |call| {
            call.input(Input::Stopped);
        }),
        ["call.hangup"],
        "an operator stops it"
    );
    assert_eq!(end(json!([hangup, talk]), nothing), ["call.hangup", "call.talk"], "it has hung up");
    let left: fn(&mut Drive) = |call| {
        call.hear("call.hangup", json!({}));
    };
    assert_eq!(end(json!([wait]), left), Vec::<String>::new(), "the caller has hung up");
    let other = json!({ "id": "h", "type": "hangup", "option": { "reference_id": "call-2" } });
    assert_eq!(end(json!([other]), nothing), ["call.hangup", "call.hangup"], "it hung up another call");
}

#[test]
fn a_flow_that_leaves_the_call_or_has_none_releases_nothing() {
    let talk = json!([{ "id": "t", "type": "talk", "option": { "text": "Hello.", "async": true } }]);
    let mut document = voice_document(talk);
    document["on_end"] = json!("leave");
    assert_eq!(commands_at_the_end(document.clone(), |_| {}), ["call.talk"]);
    document["on_end"] = json!("hangup");
    assert_eq!(commands_at_the_end(document.clone(), |_| {}), ["call.talk", "call.hangup"]);
    document["on_end"] = json!("wait");
    assert!(flow::validate(&document.to_string()).iter().any(|finding| finding.pointer == "/on_end"));

    let sms = json!({ "trigger": { "event": "message.received" }, "actions": [] });
    let mut sms = Drive::new(bundle_of(&sms, &[]));
    sms.input(Input::Started(event("message.received", json!({ "from": "+1", "to": "+2", "text": "x" }))));
    assert_eq!((sms.ended().as_deref(), sms.commands.len()), (Some("finished"), 0));
}

#[test]
fn no_message_is_sent_to_a_withheld_caller() {
    for from in ["anonymous", "Restricted", "+266696687"] {
        let flow = voice(json!([{ "id": "m", "type": "message_send", "option": { "text": "Thanks" } }]));
        let mut call = Drive::new(flow);
        call.input(Input::Started(event("call.incoming", json!({ "from": from, "to": "+15550125" }))));
        assert_eq!(
            (call.error_code().as_deref(), call.commands.len()),
            (Some("invalid_destination"), 0),
            "{from}"
        );
    }
    let flow = voice(json!([{ "id": "m", "type": "message_send", "option": { "text": "x",
        "destinations": [{ "target": "tel:+1-555-0199" }, { "target": "0015550198" }] } }]));
    let call = Drive::call(flow);
    let to: Vec<_> = call.commands.iter().map(|command| command.data["to"].as_str().unwrap()).collect();
    assert_eq!(to, ["+15550199", "+15550198"], "in their normal form");
}

#[test]
fn messages_beyond_the_quota_fail_their_action_and_nothing_of_it_is_sent() {
    let to = |numbers: &[&str]| numbers.iter().map(|number| json!({ "target": number })).collect::<Value>();
    let send = |id: &str, numbers: &[&str]| json!({ "id": id, "type": "message_send", "on_error": "continue", "option": { "text": "x", "destinations": to(numbers) } });
    let flow = voice(json!([
        send("a", &["+15550100"]),
        send("b", &["+15550199", "00 1 555 0100"]),
        send("c", &["+15550199"]),
        { "id": "w", "type": "digits_receive" },
    ]));
    let mut quota = MessageQuota::default();
    quota.limit(("+15550111".into(), "+15550100".into()), 1);
    let mut call = Drive::new(flow);
    call.quota = quota;
    call.input(Input::Started(event("call.incoming", json!({ "from": "+15550100", "to": "+15550111" }))));
    let sent: Vec<_> = call.commands.iter().map(|command| command.data["to"].as_str().unwrap()).collect();
    assert_eq!(sent, ["+15550100", "+15550199"]);
    assert_eq!(call.noted("failed"), 1);
    let failed = call.notes.iter().find(|note| note.what.as_str() == "failed").unwrap();
    assert_eq!((failed.action_id.as_deref(), &failed.detail["code"]), (Some("b"), &json!("rate_limited")));
}

/// A second start of a live call is a copy: it starts nothing when the call ends.
#[test]
fn a_copy_of_the_start_is_not_kept() {
    let mut call = Drive::call(voice(json!([{ "id": "w", "type": "digits_receive" }])));
    call.input(Input::Event {
        event: event("call.incoming", json!({ "from": "+1", "to": "+2" })),
        start: Some(vec![1]),
    });
    assert_eq!((call.early().len(), call.noted("ignored")), (0, 1));
}
