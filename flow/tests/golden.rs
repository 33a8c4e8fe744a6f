//! Tests of the stored bytes. When one fails, a format changed: give it a new format number, keep reading the
//! old one, and add a file beside the old one. `FLOW_GOLDEN=write` writes the files of this version again.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use flow::cursor::{Cursor, Identity, Input};
use flow::{Bundle, FormatError, Timestamp};
use serde_json::json;
use std::path::PathBuf;
use support::{Drive, event};

fn bundle() -> Bundle {
    let main = json!({
        "schema": "signalbox.flow/v1", "name": "golden", "type": "voice", "tags": ["x"], "layout": { "a": [1, 2] },
        "trigger": { "event": "call.incoming" }, "variables": { "greeting": "Hello", "n": 2.5 },
        "actions": [
            { "id": "call", "type": "subroutine", "option": { "flow_id": "ask", "results": { "digits": "${digits}" } } },
            { "id": "bye", "type": "hangup" },
        ],
    });
    let ask = json!({
        "name": "ask", "variables": { "digits": "" },
        "actions": [
            { "id": "say", "type": "talk", "option": { "text": "Ä ${call.from}" }, "on_error": "stop" },
            { "id": "once", "type": "goto", "option": { "target_id": "say", "loop_count": 1 } },
            { "id": "listen", "type": "digits_receive", "option": { "length": 3 } },
        ],
    });
    support::bundle_of(&main, &[("ask", &ask)])
}

/// A call whose cursor uses most stored fields.
fn cursor() -> Cursor {
    let mut call = Drive::call(bundle());
    call.completed();
    // Only a reference that starts several activeflows keeps a start.
    let of_an_api = Identity { reference_type: "api".into(), ..call.cursor.identity().clone() };
    call.cursor = read(&call.cursor.to_json(), &Cursor::new(&call.bundle, of_an_api), &call.cursor).unwrap();
    call.input(Input::Event {
        event: event("call.incoming", json!({ "from": "+1", "to": "+2" })),
        start: Some(vec![1, 254]),
    });
    call.completed();
    call.now = Timestamp::from_micros(5_250_001);
    call.digits("1");
    call.digits("2");
    call.cursor
}

fn read(json: &[u8], identity: &Cursor, trigger: &Cursor) -> Result<Cursor, FormatError> {
    Cursor::from_json(json, identity.identity().clone(), trigger.trigger().cloned())
}

/// A stored cursor with what is beside it.
fn of_json(json: &[u8]) -> Result<Cursor, FormatError> {
    read(json, &cursor(), &cursor())
}

#[test]
fn bundles_keep_their_format() {
    golden("bundle-1", bundle().to_bytes());
}

#[test]
fn cursors_keep_their_format() {
    golden("cursor-1", &cursor().to_json());
}

#[test]
fn what_an_earlier_version_stored_can_be_read() {
    let stored = Bundle::from_bytes(&std::fs::read(path("bundle-1")).unwrap()).unwrap();
    assert_eq!(stored.hash(), bundle().hash());
    assert_eq!(of_json(&std::fs::read(path("cursor-1")).unwrap()).unwrap(), cursor());
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let supported = bundle().to_bytes()[0];
    let newer = Bundle::from_bytes(&[supported + 1, b'{', b'}']).unwrap_err();
    assert_eq!(newer, FormatError::Newer { found: u32::from(supported) + 1, supported: supported.into() });
    let found = supported + 1;
    let said = format!("format {found} is newer than {supported}, the newest that this binary reads");
    assert_eq!(newer.to_string(), said);
}

#[test]
fn damage_is_told_from_a_newer_format() {
    let damaged = |error: FormatError| matches!(error, FormatError::Damaged(_));
    for bytes in [&b""[..], &[0, b'{', b'}'], &[1, b'x']] {
        assert!(damaged(Bundle::from_bytes(bytes).unwrap_err()), "{bytes:?}");
    }
    for bytes in [&b""[..], b"{}", b"x"] {
        assert!(damaged(of_json(bytes).unwrap_err()), "{bytes:?}");
    }
    let whole = String::from_utf8(cursor().to_json()).unwrap();
    for start in ["A", "Af4!"] {
        let cut = whole.replace("\"Af4\"", &format!("\"{start}\""));
        assert_ne!(cut, whole);
        assert!(damaged(of_json(cut.as_bytes()).unwrap_err()), "{start}");
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[expect(clippy::disallowed_methods, reason = "an environment variable makes the test write its files")]
fn golden(name: &str, bytes: &[u8]) {
    if std::env::var("FLOW_GOLDEN").is_ok_and(|what| what == "write") {
        std::fs::write(path(name), bytes).unwrap();
    }
    let stored = std::fs::read(path(name)).unwrap();
    assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&stored));
}
