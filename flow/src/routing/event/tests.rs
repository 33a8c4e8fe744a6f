use super::*;

fn reason(text: &str) -> &'static str {
    Event::parse(text.as_bytes()).unwrap_err().reason.as_str()
}

fn with(field: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"sbc","type":"call.incoming",{field}}}"#)
}

#[test]
fn an_event_of_the_contract_is_read_whole() {
    let event = Event::parse(
        br#"{"specversion":"1.0","id":"7c1e","source":"sbc-1.example","type":"call.incoming","subject":"call-4711",
            "time":"2026-11-22T05:00:00Z","datacontenttype":"application/json","data":{"from":"+15550100"},"x":1}"#,
    )
    .unwrap();
    assert_eq!(event.subject.as_deref(), Some("call-4711"));
    assert_eq!(event.text("from"), Some("+15550100"));
    assert_eq!(event.time.unwrap().to_string(), "2026-11-22T05:00:00.000000Z");
}

#[test]
fn what_is_refused_names_its_reason() {
    assert_eq!(reason("{"), "malformed_json");
    assert_eq!(reason("[1]"), "wrong_type");
    assert_eq!(reason(&" ".repeat(MAX_EVENT_BYTES + 1)), "oversize");
    assert_eq!(reason(r#"{"id":"1","source":"s","type":"t"}"#), "missing_field");
    assert_eq!(
        reason(r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#),
        "unsupported_specversion"
    );
    assert_eq!(
        reason(r#"{"specversion":"1.0","id":"1","source":"signalbox","type":"t"}"#),
        "reserved_source"
    );
    assert_eq!(reason(r#"{"specversion":"1.0","id":7,"source":"s","type":"t"}"#), "wrong_type");
    assert_eq!(reason(&with(r#""data":"text""#)), "wrong_type");
    assert_eq!(reason(&with(r#""time":"yesterday""#)), "wrong_type");
    assert_eq!(reason(&with(r#""subject":"""#)), "missing_field");
    assert_eq!(reason(&with(&format!(r#""subject":"{}""#, "x".repeat(257)))), "too_long");
    assert_eq!(reason(&with(r#""data":{"a":1,"a":2}"#)), "duplicate_key");
    let long = "k".repeat(20_000);
    let twice = Event::parse(with(&format!(r#""data":{{"{long}":1,"{long}":2}}"#)).as_bytes()).unwrap_err();
    assert!(twice.message.len() < 200, "{} bytes", twice.message.len());
    assert_eq!(
        reason(&with(&format!(r#""data":{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40)))),
        "too_deep"
    );
}

#[test]
fn an_id_that_would_move_the_cursor_of_a_terminal_is_refused() {
    for escape in ["\\u001b[2J", "\\u0007", "\\u202e", "\\n"] {
        for field in ["subject", "id", "source"] {
            let text =
                with(&format!(r#""{field}":"call-{escape}""#)).replacen(&format!(r#""{field}":"1","#), "", 1);
            let text = text.replacen(&format!(r#""{field}":"sbc","#), "", 1);
            assert_eq!(reason(&text), "invalid_data", "{text}");
        }
    }
}

#[test]
fn blanks_around_a_subject_do_not_count() {
    let read = |text: &str| Event::parse(text.as_bytes());
    assert_eq!(read(&with(r#""subject":" call-1 ""#)).unwrap().subject.as_deref(), Some("call-1"));
    assert_eq!(reason(&with(r#""subject":" ""#)), "missing_field");
    let usage =
        with(r#""subject":"8944-1110 0000","data":{"total_bytes":1}"#).replace("call.incoming", "sim.usage");
    assert_eq!(read(&usage).unwrap().subject.as_deref(), Some("894411100000"));
}

#[test]
fn data_in_base64_is_decoded_or_refused() {
    let custom = |fields: &str| with(fields).replace("call.incoming", "custom.exact");
    let event = Event::parse(custom(r#""data_base64":"eyJpY2NpZCI6Ijg5NDQifQ==""#).as_bytes()).unwrap();
    assert_eq!(event.text("iccid"), Some("8944"));
    for wrong in [
        r#""data_base64":"!""#,
        r#""data_base64":7"#,
        r#""data_base64":"eyJpY2NpZCI6Ijg5NDQifQ==","datacontenttype":"image/png""#,
        r#""data_base64":"eyJpY2NpZCI6Ijg5NDQifQ==","data":{}"#,
    ] {
        assert_eq!(reason(&custom(wrong)), "invalid_data", "{wrong}");
    }
    assert_eq!(reason(&custom(r#""data_base64":"WzFd""#)), "wrong_type");
    assert_eq!(reason(&custom(r#""data_base64":"e30x""#)), "malformed_json");
}

#[test]
fn a_number_is_kept_exactly_or_refused() {
    for inexact in ["89440000000000000012", "-89440000000000000012", "1e20", "1.8446744073709552e19"] {
        let refused = Event::parse(with(&format!(r#""data":{{"n":{inexact}}}"#)).as_bytes()).unwrap_err();
        assert_eq!(refused.reason.as_str(), "inexact_number", "{inexact}");
        assert!(refused.message.contains("send it as a text"), "{}", refused.message);
    }
    assert!(
        Event::parse(
            with(r#""data":{"n":18446744073709551615,"d":0.1,"s":-9223372036854775808}"#).as_bytes()
        )
        .is_ok()
    );
}

#[test]
fn a_byte_order_mark_and_half_a_surrogate_pair_are_no_fault() {
    let text = format!("\u{feff}{}", with(r#""data":{"name":"a\ud83d"}"#));
    assert_eq!(Event::parse(text.as_bytes()).unwrap().text("name"), Some("a\u{fffd}"));
}

#[test]
fn a_type_is_a_name() {
    for wrong in ["call.incoming|sim.*", "call incoming", "sim.*", "anruf.\u{e4}"] {
        let text = with("\"data\":{}").replace("call.incoming", wrong);
        let refused = Event::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused.reason.as_str(), "wrong_type", "{wrong}");
        assert!(refused.message.contains(wrong), "{}", refused.message);
    }
    assert!(Event::parse(with("\"data\":{}").replace("call.incoming", "custom.A_b-9").as_bytes()).is_ok());
}

#[test]
fn a_traceparent_of_another_shape_is_ignored() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let read = |text: &str| {
        Event::parse(with(&format!(r#""traceparent":"{text}""#)).as_bytes()).unwrap().traceparent
    };
    assert_eq!(read(good).as_deref(), Some(good));
    let longer = format!("{good}-x");
    for wrong in
        ["", "00-ab-cd-01", &longer, &good.replace("00-", "01-"), &good.replace('a', "g"), &"x".repeat(9_999)]
    {
        assert_eq!(read(wrong), None, "{wrong}");
    }
}

#[test]
fn thirty_two_levels_are_not_too_deep() {
    let nested = format!(r#""data":{}1{}"#, r#"{"a":"#.repeat(30), "}".repeat(30));
    assert!(Event::parse(with(&nested).as_bytes()).is_ok());
}

#[test]
fn every_json_value_arrives_as_it_was_sent() {
    let text = r#"{"n":null,"t":true,"f":false,"i":-7,"u":18446744073709551615,"d":0.5,"s":"x","l":[1,[]],"o":{"a":{}}}"#;
    let event = Event::parse(with(&format!(r#""data":{text}"#)).as_bytes()).unwrap();
    assert_eq!(Value::Object(event.data), serde_json::from_str::<Value>(text).unwrap());
}

#[test]
fn the_longest_event_and_the_longest_attribute_are_read() {
    let event = with(&format!(r#""subject":"{}""#, "x".repeat(MAX_ATTRIBUTE_BYTES)));
    assert!(Event::parse(event.as_bytes()).is_ok());
    let padded = |length: usize| format!("{event}{}", " ".repeat(length - event.len()));
    assert!(Event::parse(padded(MAX_EVENT_BYTES).as_bytes()).is_ok());
    assert_eq!(reason(&padded(MAX_EVENT_BYTES + 1)), "oversize");
}
