use super::*;
use crate::ActiveflowId;
use crate::identity::reference_key;
use crate::member::MemberId;
use crate::token::Token;
use flow::route::Reference;
use flow::{Class, Timestamp};

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
        early: EarlyInputs { count: 3, bytes: 1_800 },
        later: Vec::new(),
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
    golden("activeflow-1", &record().to_bytes(0));
    assert_eq!(Record::from_bytes(&stored("activeflow-1")).unwrap(), record());
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    golden("start-1", &start.to_bytes());
    assert_eq!(Start::from_bytes(&stored("start-1")).unwrap(), start);
    for (name, entry) in entries() {
        golden(name, &entry.to_bytes());
        assert_eq!(Entry::from_bytes(&stored(name)).unwrap(), entry);
    }
}

#[test]
fn the_named_offsets_are_those_of_the_bytes() {
    let (bytes, spec) = (record().to_bytes(0), record().spec.to_bytes());
    let token = record().token.unwrap().to_bytes();
    assert!(bytes[TOKEN_AT..].starts_with(&token));
    assert!(bytes[HEAD_BYTES..].starts_with(&spec));
    assert_eq!(spec[SPEC_REFERENCE_AT..SPEC_BUNDLE_AT], reference_key(&record().spec.reference));
    assert_eq!(spec[SPEC_BUNDLE_AT..SPEC_TEXTS_AT], record().spec.bundle);
    assert!(spec[SPEC_TEXTS_AT + 2..].starts_with(b"|call.digits|call.hangup|"));
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    assert_eq!(start.to_bytes()[START_ID_AT..START_CLASS_AT], [5; 16]);
    assert_eq!(start.to_bytes()[START_CLASS_AT], Class::Chat as u8);
    assert_eq!(start.to_bytes()[START_SPEC_AT..], spec);
}

#[test]
fn entries_go_to_bytes_and_back() {
    let bare = Entry::Event { kind: "call.digits".into(), input: b"{}".to_vec(), start: None };
    for entry in entries().map(|(_, entry)| entry).into_iter().chain([bare]) {
        assert_eq!(Entry::from_bytes(&entry.to_bytes()).unwrap(), entry);
    }
}

#[test]
fn a_newer_format_is_named_before_anything_is_read() {
    let newer = [FORMAT + 1, 0, 0];
    let too_new = BadRecord::TooNew { found: FORMAT + 1 };
    assert_eq!(Record::from_bytes(&newer), Err(too_new.clone()));
    assert_eq!(ActiveflowSpec::from_bytes(&newer), Err(too_new.clone()));
    assert_eq!(Start::from_bytes(&newer), Err(too_new.clone()));
    assert_eq!(trigger_from_bytes(&newer), Err(too_new.clone()));
    assert_eq!(Entry::from_bytes(&newer), Err(too_new));
}

#[test]
fn a_value_inside_another_has_its_own_format() {
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    let (mut of_record, mut of_start) = (record().to_bytes(0), start.to_bytes());
    of_record[HEAD_BYTES] = FORMAT + 1;
    of_start[START_SPEC_AT] = FORMAT + 1;
    assert_eq!(Record::from_bytes(&of_record), Err(BadRecord::TooNew { found: FORMAT + 1 }));
    assert_eq!(Start::from_bytes(&of_start), Err(BadRecord::TooNew { found: FORMAT + 1 }));
}

#[test]
fn fields_that_a_later_release_added_are_skipped_and_kept() {
    let longer = Record { later: vec![9; 12], ..record() };
    let bytes = longer.to_bytes(1);
    assert_eq!(bytes.len(), record().to_bytes(1).len() + 12);
    let read = Record::from_bytes(&bytes).unwrap();
    assert_eq!((read.to_bytes(1), read), (bytes, longer));
    let start = Start { id: ActiveflowId::from_bytes([5; 16]), class: Class::Chat, spec: record().spec };
    assert_eq!(Start::from_bytes(&[start.to_bytes(), vec![9; 12]].concat()).unwrap(), start);
    let timer = Entry::Timer { wait: 7 };
    assert_eq!(Entry::from_bytes(&[timer.to_bytes(), vec![9; 12]].concat()).unwrap(), timer);
}

#[test]
fn damaged_bytes_never_panic_and_name_the_offset() {
    let whole = record().to_bytes(1);
    for length in 0..HEAD_BYTES + 200 {
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

fn entries() -> [(&'static str, Entry); 3] {
    let event = Entry::Event { kind: "call.digits".into(), input: b"{}".to_vec(), start: Some(vec![1, 2]) };
    let timer = Entry::Timer { wait: 1 << 40 };
    [("entry-event-1", event), ("entry-timer-1", timer), ("entry-trigger-1", Entry::Trigger)]
}

fn stored(name: &str) -> Vec<u8> {
    unhex(std::fs::read_to_string(path(name)).unwrap().trim())
}

/// Compares with the stored bytes. `COMMON_GOLDEN=write` writes the files of this version again.
fn golden(name: &str, bytes: &[u8]) {
    if std::env::var("COMMON_GOLDEN").is_ok_and(|what| what == "write") {
        std::fs::write(path(name), crate::identity::hex(bytes) + "\n").unwrap();
    }
    assert_eq!(crate::identity::hex(bytes), crate::identity::hex(&stored(name)), "{name}");
}

fn path(name: &str) -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.hex"))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn a_body_is_a_format_and_a_cursor() {
    let (spec, id) = (record().spec, ActiveflowId::from_bytes([5; 16]));
    let event = serde_json::json!({
        "specversion": "1.0", "id": "e1", "source": "sbc-1", "type": "call.incoming", "subject": "call-4711", "data": {}
    });
    let trigger = event.to_string().into_bytes();
    let cursor =
        flow::Cursor::from_json(br#"{"f":[{"f":"main","a":"menu"}]}"#, spec.identity(id), None).unwrap();
    let body = cursor_bytes(&cursor, FORMAT);
    assert_eq!(body[0], FORMAT);
    assert_eq!(read_cursor(id, &spec, &body, &trigger).as_ref(), Ok(&cursor));
    assert_eq!(read_cursor_alone(id, &spec, &body), Ok(cursor.clone()));
    let newer = flow::FormatError::Newer { found: u32::from(FORMAT) + 1, supported: FORMAT.into() };
    assert_eq!(read_cursor_alone(id, &spec, &cursor_bytes(&cursor, FORMAT + 1)), Err(newer));
    for damaged in [&b""[..], &cursor_bytes(&cursor, 0), &[FORMAT], &[FORMAT, b'x']] {
        let read = read_cursor_alone(id, &spec, damaged);
        assert!(matches!(read, Err(flow::FormatError::Damaged(_))), "{damaged:?}");
    }
}
