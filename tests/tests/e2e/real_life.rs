//! Situations from real life that went wrong once, on a real `serve`: copies of calls, odd spellings, lines left up.

use crate::standalone::{Standalone, TIMEOUT};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

impl Standalone {
    fn deploy(&self, flow: &Value, route: &str) {
        let file = self.folder.path().join("flow.json");
        std::fs::write(&file, flow.to_string()).unwrap();
        self.run(&["flow", "deploy", &file.to_string_lossy(), "--route", route]);
    }

    /// Sends a whole event, as text. Returns the answer, or the error output of the command.
    fn event(&self, event: &str) -> Result<Value, String> {
        let file = self.folder.path().join("event.json");
        std::fs::write(&file, event).unwrap();
        let output = self.try_run(&["event", "send", &file.to_string_lossy(), "--output", "json"], &[]);
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(crate::standalone::text_of(&output)),
        }
    }

    fn outcome(&self, id: &str, kind: &str, subject: &str, data: Value) -> String {
        let event = json!({ "specversion": "1.0", "id": id, "source": "reports.example", "type": kind, "subject": subject, "data": data });
        match self.event(&event.to_string()) {
            Ok(answer) => answer["outcome"].as_str().unwrap().to_owned(),
            Err(error) => error,
        }
    }

    fn activeflows(&self) -> Vec<Value> {
        self.json(&["activeflow", "list"]).as_array().unwrap().clone()
    }

    fn until(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let all = self.activeflows();
            if wanted(&all) {
                return all;
            }
            assert!(Instant::now() < deadline, "{what} did not happen: {all:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn journal(&self, id: &Value) -> String {
        self.run(&["activeflow", "journal", id.as_str().unwrap(), "--output", "json"])
    }
}

fn numbers() -> Value {
    json!({ "from": "+15550100", "to": "+15550134" })
}

fn voice(name: &str, actions: Value) -> Value {
    json!({ "schema": "signalbox.flow/v1", "name": name, "type": "voice", "trigger": { "event": "call.incoming" }, "actions": actions })
}

#[test]
fn a_copy_of_a_call_starts_no_ghost_after_the_hangup() {
    let standalone = Standalone::open(&[]);
    let actions = json!([{ "id": "a", "type": "answer" }, { "id": "d", "type": "digits_receive", "option": { "length": 1, "duration": 60000 } },
        { "id": "m", "type": "message_send", "option": { "text": "Thank you for your call." } }, { "id": "h", "type": "hangup" }]);
    standalone.deploy(&voice("ghost sms", actions), "call=+15550134");
    let outcome = |id, kind, data| standalone.outcome(id, kind, "call-9", data);
    assert_eq!(outcome("in-1", "call.incoming", numbers()), "applied");
    assert_eq!(outcome("in-2", "call.incoming", numbers()), "copy");
    assert_eq!(outcome("bye", "call.hangup", json!({ "reason": "normal" })), "applied");
    standalone.until("the end", |all| all[0]["end_reason"] == "hangup");
    assert_eq!(outcome("in-3", "call.incoming", numbers()), "copy");
    assert_eq!(standalone.activeflows().len(), 1);
}

#[test]
fn digits_of_every_spelling_are_used_or_refused() {
    let standalone = Standalone::open(&[]);
    let actions = json!([{ "id": "d", "type": "digits_receive", "option": { "length": 4, "duration": 60000 } }, { "id": "h", "type": "hangup" }]);
    standalone.deploy(&voice("digits", actions), "call=+15550134");
    assert_eq!(standalone.outcome("in", "call.incoming", "call-12", numbers()), "applied");
    for (id, data) in [
        ("d3", json!({ "digits": "5," })),
        ("d4", json!({ "digits": ["5"] })),
        ("d5", json!({ "digit": "5" })),
        ("d6", json!({ "digits": "E" })),
    ] {
        let refused = standalone.outcome(id, "call.digits", "call-12", data);
        assert!(refused.contains("data.digits"), "{id}: {refused}");
    }
    for (id, digits) in [("d0", json!(5)), ("d1", json!("1\n")), ("d2", json!(" 5")), ("d7", json!("d"))] {
        assert_eq!(standalone.outcome(id, "call.digits", "call-12", json!({ "digits": digits })), "applied");
    }
    let ended = standalone.until("the end", |all| all[0]["end_reason"] == "finished");
    let shown = standalone.run(&["activeflow", "get", ended[0]["id"].as_str().unwrap(), "--output", "json"]);
    assert!(shown.contains("\"515D\""), "{shown}");
}

#[test]
fn a_call_whose_flow_ends_is_hung_up_and_a_withheld_caller_gets_no_message() {
    let standalone = Standalone::open(&[]);
    let actions = json!([{ "id": "a", "type": "answer" }, { "id": "m", "type": "message_send", "option": { "text": "Thanks" } }, { "id": "h", "type": "hangup" }]);
    standalone.deploy(&voice("anonymous sms", actions), "call=+15550125");
    for (subject, from) in [("call-20", "anonymous"), ("call-21", "Restricted"), ("call-22", "+266696687")] {
        let data = json!({ "from": from, "to": "tel:+1-555-0125" });
        assert_eq!(standalone.outcome(subject, "call.incoming", subject, data), "applied", "{from}");
    }
    let ended = standalone
        .until("the ends", |all| all.len() == 3 && all.iter().all(|one| one["end_reason"] == "failed"));
    for one in &ended {
        let journal = standalone.journal(&one["id"]);
        assert!(journal.contains("invalid_destination") && journal.contains("hung_up"), "{journal}");
    }
    let failed = standalone.run(&["activeflow", "list", "--failed"]);
    assert_eq!(failed.matches("1 (invalid_destination)").count(), 3, "{failed}");
    let shown = standalone.run(&["activeflow", "get", ended[0]["id"].as_str().unwrap()]);
    assert!(shown.contains("1, the last one m: invalid_destination: "), "{shown}");
    let counted = "signalbox_actions_total{type=\"message_send\",outcome=\"failed\"} 3";
    standalone.get_until(&standalone.ops(), "/metrics", counted);
}

#[test]
fn an_event_dated_far_from_now_is_counted() {
    let standalone = Standalone::open(&[]);
    for (id, time) in [("old", "2020-01-01T00:00:00Z"), ("ahead", "2120-01-01T00:00:00Z")] {
        let event = json!({ "specversion": "1.0", "id": id, "source": "reports.example", "type": "call.incoming", "subject": id, "time": time, "data": numbers() });
        assert_eq!(standalone.event(&event.to_string()).unwrap()["outcome"], "unmatched");
    }
    assert_eq!(standalone.outcome("now", "call.incoming", "call-1", numbers()), "unmatched");
    let counted = "signalbox_events_far_time_total{type=\"call.incoming\"} 2";
    standalone.get_until(&standalone.ops(), "/metrics", counted);
}

#[test]
fn an_id_that_would_steer_a_terminal_and_a_number_that_cannot_be_kept_are_refused_by_place() {
    let standalone = Standalone::open(&[]);
    let incoming = |subject: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"esc","source":"reports.example","type":"call.incoming","subject":"{subject}","data":{{"from":"+15550100","to":"+15550121"}}}}"#
        )
    };
    let refused = standalone.event(&incoming(r"call-\u001b[2J\u001b[31mOWNED\u001b[0m\u0007")).unwrap_err();
    assert!(refused.contains("`subject`") && !refused.contains('\u{1b}'), "{refused:?}");
    let custom = |data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"n1","source":"r","type":"custom.exact","subject":"s",{data}}}"#
        )
    };
    let refused = standalone.event(&custom(r#""data":{"iccid":89440000000000000012}"#)).unwrap_err();
    assert!(refused.contains("send it as a text"), "{refused}");
    let flow = json!({ "name": "exact", "trigger": { "event": "custom.exact" }, "actions": [{ "id": "w", "type": "sleep", "option": { "duration": 60000 } }] });
    standalone.deploy(&flow, "custom=custom.exact");
    standalone.event(&custom(r#""data_base64":"eyJpY2NpZCI6Ijg5NDQifQ==""#)).unwrap();
    let one = &standalone.until("the start", |all| all.len() == 1)[0];
    let shown = standalone.run(&["activeflow", "get", one["id"].as_str().unwrap(), "--output", "json"]);
    assert!(shown.contains("\"8944\""), "{shown}");
}

#[test]
fn a_source_that_uses_its_ids_again_for_other_calls_loses_none() {
    let standalone = Standalone::open(&[]);
    let actions = json!([{ "id": "w", "type": "digits_receive", "option": { "duration": 60000 } }]);
    standalone.deploy(&voice("reuse", actions), "call=+15550134");
    for round in 0..2 {
        let events: Vec<Value> = (0..50)
            .map(|n| json!({ "specversion": "1.0", "id": format!("ev-{n}"), "source": "switch", "type": "call.incoming", "subject": format!("call-{round}-{n}"), "data": numbers() }))
            .collect();
        let answers = standalone.event(&json!(events).to_string()).unwrap();
        assert!(answers.as_array().unwrap().iter().all(|answer| answer["outcome"] == "applied"), "{answers}");
    }
}

/// An auto-responder answers each SMS of a flow, and the flow each SMS of the auto-responder.
#[test]
fn a_machine_that_answers_every_message_gets_so_many_a_minute() {
    const MOST: usize = 5;
    let standalone = Standalone::open(&[("SIGNALBOX_EXECUTOR__MESSAGES_PER_MINUTE", &MOST.to_string())]);
    let reply =
        json!([{ "id": "reply", "type": "message_send", "option": { "text": "You wrote ${message.text}" } }]);
    let flow = json!({ "name": "auto reply", "trigger": { "event": "message.received" }, "actions": reply });
    standalone.deploy(&flow, "sms=+15550140");
    let write = |id: &str, from: &str| {
        let data = json!({ "from": from, "to": "+1 555 0140", "text": "I am away" });
        assert_eq!(standalone.outcome(id, "message.received", "x", data), "applied");
    };
    let ended = |all: &[Value], reason: &str| all.iter().filter(|one| one["end_reason"] == reason).count();
    let begun = Instant::now();
    let mut written = 0;
    let all = loop {
        written += 1;
        write(&written.to_string(), ["+15550141", "tel:+1-555-0141"][written % 2]);
        let all = standalone
            .until("the end", |all| all.len() == written && all.iter().all(|one| one["state"] == "ended"));
        if ended(&all, "failed") > 0 {
            break all;
        }
    };
    let minutes = (begun.elapsed().as_secs() / 60 + 1) as usize;
    assert!(ended(&all, "finished") <= MOST * minutes, "{all:?}");
    let failed = all.iter().find(|one| one["end_reason"] == "failed").unwrap();
    let journal = standalone.journal(&failed["id"]);
    assert!(journal.contains("rate_limited"), "{journal}");
    let deadline = Instant::now() + TIMEOUT;
    while !standalone
        .get_until(&standalone.ops(), "/metrics", "process_start")
        .contains("signalbox_messages_limited_total 1")
        || !standalone.log().contains("rate_limited")
    {
        assert!(Instant::now() < deadline, "no metric, or no line in the log:\n{}", standalone.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!standalone.log().contains("+15550141"), "{}", standalone.log());

    write("other", "+15550142");
    standalone.until("the answer to another number", |all| {
        all.len() == written + 1 && ended(all, "finished") == written
    });
}
