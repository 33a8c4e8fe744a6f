use super::*;
use serde_json::json;

fn event(kind: &str, subject: &str, data: serde_json::Value) -> Event {
    let subject = if subject.is_empty() { json!(null) } else { json!(subject) };
    serde_json::from_value(
        json!({ "id": "1", "source": "s", "type": kind, "subject": subject, "data": data }),
    )
    .unwrap()
}

fn reference(
    kind: &str,
    subject: &str,
    of: (&str, &str),
    data: serde_json::Value,
) -> (String, String, Option<String>) {
    match addressee(&event(kind, subject, data), "default").unwrap() {
        Addressee::Reference { reference, address } => {
            assert_eq!((reference.kind.as_str(), reference.subject.as_str()), of, "{kind}");
            (reference.kind, reference.subject, address.map(|a| format!("{}={}", a.kind, a.value)))
        }
        Addressee::Command { .. } => panic!("{kind} is no command"),
    }
}

#[test]
fn every_event_of_the_table_finds_its_reference_and_address() {
    let numbers = json!({ "from": "+1", "to": "+2" });
    let address = |kind, subject, of, data| reference(kind, subject, of, data).2;
    assert_eq!(address("call.incoming", "c1", ("call", "c1"), numbers.clone()).as_deref(), Some("call=+2"));
    assert_eq!(address("call.outgoing", "c1", ("call", "c1"), numbers.clone()).as_deref(), Some("call=+1"));
    assert_eq!(address("call.digits", "c1", ("call", "c1"), json!({ "digits": "1" })), None);
    assert_eq!(address("message.received", "", ("sms", "+2,+1"), numbers).as_deref(), Some("sms=+2"));
    assert_eq!(address("sim.usage", "8944", ("sim", "8944"), json!({})).as_deref(), Some("sim=8944"));
    for (kind, of, key) in [
        ("conversation.message", "conversation", "channel"),
        ("form.requested", "form", "name"),
        ("job.due", "job", "job"),
    ] {
        assert_eq!(address(kind, "x1", (of, "x1"), json!({})), None);
        assert_eq!(address(kind, "x1", (of, "x1"), json!({ key: "a" })), Some(format!("{of}=a")));
    }
    assert_eq!(address("custom.alarm", "", ("api", ""), json!({})).as_deref(), Some("custom=custom.alarm"));
    assert_eq!(
        address("custom.alarm", "x", ("door", "x"), json!({ "reference_type": "door" })).as_deref(),
        Some("custom=custom.alarm")
    );
}

#[test]
fn a_command_answer_goes_by_the_commands_id() {
    let answer = |id: &str| addressee(&event("command.completed", "c1", json!({ "command_id": id })), "r");
    assert_eq!(answer("8a4f:3"), Ok(Addressee::Command { activeflow_id: "8a4f".into(), sequence: 3 }));
    for wrong in ["8a4f", ":3", "8a4f:", "8a4f:x", "8a4f:-1", "8a4f:03"] {
        assert!(answer(wrong).unwrap_err().contains(wrong), "{wrong}");
    }
}

#[test]
fn what_is_missing_is_named_with_what_to_send() {
    let error = |kind, subject, data| addressee(&event(kind, subject, data), "r").unwrap_err();
    assert_eq!(
        error("call.incoming", "", json!({ "to": "+2" })),
        "`subject` of call.incoming is missing; send the call's id"
    );
    assert_eq!(
        error("call.incoming", "c", json!({ "to": 2 })),
        "`data.to` of call.incoming is `2`; send a text that is not empty"
    );
    assert_eq!(
        error("call.incoming", "c", json!({ "to": "" })),
        "`data.to` of call.incoming is `\"\"`; send a text that is not empty"
    );
    for (kind, what) in [
        ("call.digits", "the call's id"),
        ("sim.usage", "the ICCID"),
        ("conversation.message", "the conversation's id"),
        ("form.requested", "the form's id"),
        ("job.due", "the job item's id"),
    ] {
        assert_eq!(error(kind, "", json!({})), format!("`subject` of {kind} is missing; send {what}"));
        let empty = Event { subject: Some(String::new()), ..event(kind, "", json!({})) };
        assert!(addressee(&empty, "r").is_err(), "{kind}");
    }
    assert!(error("weather.rain", "", json!({})).contains("`weather.rain`"));
}

#[test]
fn what_becomes_part_of_a_subject_or_an_address_is_bounded() {
    let long = "1".repeat(257);
    for (kind, subject, key) in [
        ("call.incoming", "c", "to"),
        ("call.outgoing", "c", "from"),
        ("message.received", "", "to"),
        ("message.received", "", "from"),
        ("conversation.message", "c", "channel"),
        ("form.submitted", "f", "name"),
        ("job.item", "j", "job"),
        ("custom.alarm", "x", "reference_type"),
        ("command.completed", "", "command_id"),
    ] {
        let mut data = json!({ "from": "+1", "to": "+2" });
        data[key] = json!(&long[1..]);
        let fits = addressee(&event(kind, subject, data.clone()), "r");
        assert!(fits.is_ok() || key == "command_id", "{kind}: {fits:?}");
        data[key] = json!(long);
        assert_eq!(
            addressee(&event(kind, subject, data), "r").unwrap_err(),
            format!("`data.{key}` of {kind} has 257 bytes, the limit is 256")
        );
    }
}

#[test]
fn a_window_begins_with_its_start_and_ends_before_its_end() {
    let at = Timestamp::from_micros;
    let window = Window { active_from: Some(at(10)), active_until: Some(at(20)) };
    assert_eq!([9, 10, 19, 20].map(|t| window.contains(at(t))), [false, true, true, false]);
    assert_eq!(
        window.transitions(),
        [(WindowTransition::Activated, at(10)), (WindowTransition::Expired, at(20))]
    );
    assert!(Window::default().contains(at(0)) && Window::default().transitions().is_empty());
}

#[test]
fn a_route_takes_addresses_of_its_own_kind_while_it_is_active() {
    let at = Timestamp::from_micros;
    let route = Route {
        id: "call=+1*".into(),
        kind: "call".into(),
        pattern: "+1*".into(),
        flow_id: "f".into(),
        customer_id: "acme".into(),
        priority: 0,
        window: Window { active_from: Some(at(10)), active_until: Some(at(20)) },
        closed_at: None,
    };
    assert!(route.takes(&address("call", "+1555"), at(10)));
    assert!(!route.takes(&address("sms", "+1555"), at(10)));
    assert!(!route.takes(&address("call", "+4955"), at(10)));
    assert!(!route.takes(&address("call", "+1555"), at(20)));

    let (begins, ends) = ((WindowTransition::Activated, at(10)), (WindowTransition::Expired, at(20)));
    let closed = |closed_at| Route { closed_at, ..route.clone() }.transitions();
    assert_eq!(closed(None), [begins, ends]);
    assert_eq!(closed(Some(at(21))), [begins, ends]);
    assert_eq!(closed(Some(at(20))), [begins], "deleted before its end, it does not expire");
    assert_eq!(closed(Some(at(10))), []);
    assert_eq!([begins, ends].map(|(transition, _)| transition.name()), ["activated", "expired"]);
}
