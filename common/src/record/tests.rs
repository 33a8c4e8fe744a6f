use super::*;

fn record() -> Record {
    let reference = Reference { realm: "default".into(), kind: "call".into(), subject: "call-4711".into() };
    Record {
        state: State::Waiting,
        suspect: Suspect::Group,
        attempts: 2,
        owner: true,
        class: Class::Voice,
        version: 7,
        token: Some(Token { worker: MemberId(uuid::Uuid::from_u128(0x1234)), nonce: 99 }),
        wait: 3,
        deadline: Some(Timestamp::from_micros(1_800_000_005_000_000)),
        ready_since: Timestamp::from_micros(1_800_000_001_000_000),
        created: Timestamp::from_micros(1_800_000_000_000_000),
        updated: Timestamp::from_micros(1_800_000_002_000_000),
        inbox_bytes: 640,
        spec: ActiveflowSpec {
            reference,
            customer_id: "00000000-0000-0000-0000-000000000000".into(),
            bundle: [0xab; 32],
            hears: ["call.digits", "call.hangup"].map(String::from).into(),
            flow: FlowRef { id: "flow-1".into(), name: "Support line".into(), version: 4 },
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
        body: b"{\"a\":1}".to_vec(),
    }
}

/// The bytes as format 1 was released; a change of the layout needs a new format.
#[test]
fn format_1_is_read_and_written_as_released() {
    let golden = include_str!("../../golden/activeflow-1.hex").trim();
    assert_eq!(crate::identity::hex(&record().to_bytes(false)), golden);
    assert_eq!(Record::from_bytes(&unhex(golden)).unwrap(), record());
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    let golden = include_str!("../../golden/start-1.hex").trim();
    assert_eq!(crate::identity::hex(&start.to_bytes()), golden);
    assert_eq!(Start::from_bytes(&unhex(golden)).unwrap(), start);
}

#[test]
fn the_named_offsets_are_those_of_the_bytes() {
    let (bytes, spec) = (record().to_bytes(false), record().spec.to_bytes());
    let token = record().token.unwrap().to_bytes();
    assert!(bytes[TOKEN_AT..].starts_with(&token));
    assert!(bytes[SPEC_AT..].starts_with(&spec));
    assert_eq!(spec[..SPEC_BUNDLE_AT], reference_key(&record().spec.reference));
    assert_eq!(spec[SPEC_BUNDLE_AT..SPEC_TEXTS_AT], record().spec.bundle);
    assert!(spec[SPEC_TEXTS_AT + 2..].starts_with(b"|call.digits|call.hangup|"));
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    assert_eq!(start.to_bytes()[START_CLASS_AT], Class::Chat as u8);
    assert_eq!(start.to_bytes()[START_SPEC_AT..], spec);
}

#[test]
fn entries_go_to_bytes_and_back() {
    let event = Entry::Event { kind: "call.digits".into(), input: b"{}".to_vec(), start: Some(vec![1, 2]) };
    let bare = Entry::Event { kind: "call.digits".into(), input: b"{}".to_vec(), start: None };
    for entry in [event, bare, Entry::Timer { wait: 1 << 40 }] {
        assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap(), entry);
    }
}

#[test]
fn a_newer_format_is_named_before_anything_is_read() {
    let mut bytes = record().to_bytes(false);
    bytes[0] = FORMAT + 1;
    bytes.truncate(3);
    assert_eq!(Record::from_bytes(&bytes), Err(BadRecord::TooNew { found: FORMAT + 1 }));
}

#[test]
fn damaged_bytes_never_panic_and_name_the_offset() {
    let whole = record().to_bytes(true);
    for length in 0..SPEC_AT + 200 {
        assert!(Record::from_bytes(&whole[..length.min(whole.len() - 8)]).is_err());
    }
    for at in 1..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let _ = Record::from_bytes(&bytes);
    }
    for length in 0..40 {
        let _ = Entry::from_bytes(&whole[..length]);
        let _ = Start::from_bytes(&whole[..length]);
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
