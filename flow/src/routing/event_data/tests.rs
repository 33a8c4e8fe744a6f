use super::*;

fn typed(kind: &str, data: Value) -> Result<Value, String> {
    let Value::Object(mut data) = data else { panic!("an object") };
    read(kind, &mut data).map_err(|malformed| format!("{}: {}", malformed.reason, malformed.message))?;
    Ok(Value::Object(data))
}

#[test]
fn digits_of_every_obvious_spelling_are_read() {
    for (sent, digits) in [(json!(5), "5"), (json!("1\n"), "1"), (json!(" 5"), "5"), (json!("*#0a"), "*#0A")]
    {
        assert_eq!(typed("call.digits", json!({ "digits": sent })), Ok(json!({ "digits": digits })));
    }
}

#[test]
fn digits_without_a_meaning_are_refused_by_their_place() {
    for sent in [json!("5,"), json!(["5"]), json!("E"), json!({}), json!(-5), json!(1.5), json!(true)] {
        let refused = typed("call.digits", json!({ "digits": sent })).unwrap_err();
        assert!(refused.starts_with("invalid_data: `data.digits` of call.digits is `"), "{refused}");
        assert!(refused.ends_with("; send one or more of 0123456789*#ABCD as a text, for example \"5\""));
    }
    for missing in [json!({ "digit": "5" }), json!({ "digits": null }), json!({ "digits": " " })] {
        let refused = typed("call.digits", missing).unwrap_err();
        assert!(refused.starts_with("missing_field: `data.digits` of call.digits is missing"), "{refused}");
    }
}

#[test]
fn usage_is_a_whole_number() {
    for sent in [json!("5"), json!(5), json!(5.0), json!(" 5 ")] {
        let data = json!({ "period": "2026-11", "total_bytes": sent });
        assert_eq!(typed("sim.usage", data), Ok(json!({ "period": "2026-11", "total_bytes": 5 })));
    }
    for sent in [json!({}), json!("five"), json!(-1), json!(0.5), json!([5]), json!("5e3")] {
        let refused = typed("sim.usage", json!({ "total_bytes": sent })).unwrap_err();
        assert!(refused.contains("`data.total_bytes` of sim.usage is `"), "{refused}");
    }
    for empty in [json!({ "total_bytes": "" }), json!({}), json!({ "total_bytes": null })] {
        assert!(typed("sim.usage", empty).unwrap_err().contains("send `total_bytes` or `delta_bytes`"));
    }
    assert_eq!(typed("sim.attached", json!({ "x": {} })), Ok(json!({ "x": {} })));
}

#[test]
fn numbers_take_their_normal_form() {
    let data = json!({ "from": "tel:+1-555-0100", "to": 15550111, "direction": "" });
    assert_eq!(typed("call.incoming", data), Ok(json!({ "from": "+15550100", "to": "15550111" })));
    let data = json!({ "from": "0015550100", "to": " +1 555 0111", "text": " yes " });
    let normal = json!({ "from": "+15550100", "to": "+15550111", "text": " yes " });
    assert_eq!(typed("message.received", data), Ok(normal));
    assert!(typed("call.incoming", json!({ "from": "+1\u{202e}" })).is_err());
    assert!(typed("message.received", json!({ "text": ["a"] })).unwrap_err().contains("`data.text`"));
}

#[test]
fn an_error_of_a_gateway_has_one_shape() {
    let id = "8A4F0C3E5B1D8C2F9A7E1F2B3C4D5E6F:3";
    let read = |error: Value| typed("command.failed", json!({ "command_id": id, "error": error })).unwrap();
    for (sent, code, message) in [
        (json!({ "code": 486, "message": "Busy Here" }), "486", "Busy Here"),
        (json!("NO_ROUTE_DESTINATION"), "NO_ROUTE_DESTINATION", "NO_ROUTE_DESTINATION"),
        (json!({ "code": "486", "message": { "text": "Busy" } }), "486", "Busy"),
        (json!("no route to the destination"), "command_failed", "no route to the destination"),
        (json!(486), "486", "486"),
        (json!(["a"]), "command_failed", "[\"a\"]"),
    ] {
        let answer = read(sent);
        assert_eq!(answer["error"]["code"], code);
        assert_eq!(answer["error"]["message"], message);
        assert_eq!(answer["command_id"], "8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f:3");
    }
    assert!(typed("command.completed", json!({ "command_id": 7 })).is_err());
}

#[test]
fn typed_data_reads_as_itself() {
    for (kind, data) in [
        ("call.digits", json!({ "digits": 5 })),
        ("call.incoming", json!({ "from": "tel:+1-555", "to": 7 })),
        ("sim.usage", json!({ "total_bytes": "5" })),
        ("command.failed", json!({ "command_id": "{8a4f0c3e-5b1d-8c2f-9a7e-1f2b3c4d5e6f}:3", "error": 5 })),
    ] {
        let once = typed(kind, data).unwrap();
        assert_eq!(typed(kind, once.clone()), Ok(once));
    }
}
