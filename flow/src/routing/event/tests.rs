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
    assert_eq!(
        reason(&with(&format!(r#""data":{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40)))),
        "too_deep"
    );
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
