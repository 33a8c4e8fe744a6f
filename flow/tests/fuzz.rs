//! Fuzzing of the document reader, and of stored cursors and bundles (CONTRIBUTING.md). What once went wrong is kept in
//! `tests/corpus/`, one input a file.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use flow::cursor::{Cursor, CursorState, Identity, Input};
use flow::{Bundle, preview, step};
use fuzz::{Rng, Target, mutate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use support::{Drive, event};

const EXPRESSIONS: &str = include_str!("corpus/expressions.txt");
const SAMPLES: [&str; 5] = [
    include_str!("../../samples/ivr.json"),
    include_str!("../../samples/survey.json"),
    include_str!("../../samples/sim-usage-notice.json"),
    include_str!("../../samples/voicemail.json"),
    include_str!("../../samples/opening-hours.json"),
];

fn target(folder: &str) -> Target {
    Target::new(&format!("{}/tests/corpus/{folder}", env!("CARGO_MANIFEST_DIR")))
}

fn value(rng: &mut Rng) -> Value {
    let expressions: Vec<&str> = EXPRESSIONS.lines().collect();
    match rng.index(8) {
        0 => json!(["a", { "b": "${call.from}" }]),
        1 => (0..rng.index(60)).fold(json!("${x}"), |inner, _| json!([inner])),
        2 => json!("${call.from}".repeat(rng.index(2_500))),
        3 | 4 => json!(format!("${{{}}}", rng.pick(&expressions))),
        _ => mutate::any_json(rng),
    }
}

fn changed(rng: &mut Rng, known: &str) -> Vec<u8> {
    let mut document: Value = serde_json::from_str(known).unwrap();
    for _ in 0..=rng.index(4) {
        mutate::json(rng, &mut document, &mut value);
    }
    mutate::text(rng, &document)
}

fn subroutines() -> BTreeMap<String, String> {
    [("opening-hours".to_owned(), SAMPLES[4].to_owned())].into()
}

/// The event that starts the flow.
fn start(bundle: &Bundle) -> Input {
    let data = json!({ "from": "+15550100", "to": "+15550111", "text": "yes", "total_bytes": 2e9, "period": "2026-11" });
    Input::Started(event(bundle.trigger().unwrap_or("call.incoming"), data))
}

/// Everything that is done with a document: findings with places, compilation, storage, and a run.
fn document(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for finding in flow::validate(&text) {
        assert!(finding.what.chars().count() <= 1_001 && !finding.code.is_empty(), "{finding}");
    }
    let _ = flow::calls(&text);
    let bundle = match Bundle::compile(("main", &text), &subroutines()) {
        Ok(bundle) => bundle,
        Err(errors) => return assert!(!errors.is_empty(), "refused without an error"),
    };
    let again = Bundle::from_bytes(bundle.to_bytes()).unwrap();
    assert_eq!((again.hash(), again.memory()), (bundle.hash(), bundle.memory()));
    run(bundle);
}

fn run(bundle: Bundle) {
    let mut drive = Drive::new(bundle);
    drive.input(start(&drive.bundle));
    for _ in 0..20 {
        match drive.cursor.state() {
            CursorState::Yielded => drop(drive.input(Input::Resumed)),
            CursorState::Waiting { wait, .. } => drop(drive.input(Input::Timer { wait })),
            CursorState::Ended(_) => return,
        }
    }
}

/// Everything that is done with the bytes of a bundle.
fn bundle(bytes: &[u8]) {
    let _ = Bundle::document_in(bytes);
    match Bundle::from_bytes(bytes) {
        Ok(bundle) => {
            assert_eq!(bundle.to_bytes(), bytes);
            run(bundle);
        }
        Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
    }
}

/// Everything that is done with a stored cursor: it is shown, and it moves, with the bundle that it belongs to or another.
fn cursor(bytes: &[u8], bundles: &[Bundle]) {
    let trigger = match start(&bundles[0]) {
        Input::Started(event) => Some(event),
        _ => None,
    };
    let cursor = match Cursor::from_json(bytes, Identity::default(), trigger) {
        Ok(cursor) => cursor,
        Err(error) => return assert!(error.to_string().len() < 2_000, "{error}"),
    };
    assert_eq!(support::stored(&cursor).as_ref(), Ok(&cursor));
    let _ = (cursor.state(), cursor.current_action(), cursor.early(), cursor.variables());
    let digits = event("call.digits", json!({ "digits": "12" }));
    let wait = if let CursorState::Waiting { wait, .. } = cursor.state() { wait } else { 1 };
    for bundle in bundles {
        let _ = (
            cursor.line_release(bundle),
            preview::current(bundle, &cursor),
            preview::jumps(bundle, Some(&cursor)),
        );
        let _ = (preview::waiting_for(bundle, &cursor), preview::pending(bundle, &cursor));
        for input in [
            start(bundle),
            Input::Event { event: digits.clone(), start: Some(vec![1]) },
            Input::Timer { wait },
            Input::Resumed,
            Input::Continued,
            Input::Forwarded { action_id: "menu".into() },
            Input::Stopped,
        ] {
            let step = step(bundle, cursor.clone(), input, flow::Timestamp::from_micros(1 << 50));
            assert_eq!(support::stored(&step.cursor), Ok(step.cursor));
        }
    }
}

/// The bundles of the samples, and stored cursors on their way through them.
fn stored() -> (Vec<Bundle>, Vec<Vec<u8>>) {
    let compiled = || SAMPLES.map(|text| Bundle::compile(("main", text), &subroutines()).unwrap());
    let mut cursors = Vec::new();
    for bundle in compiled() {
        let mut drive = Drive::new(bundle);
        drive.input(start(&drive.bundle));
        for turn in 0..8 {
            cursors.push(drive.cursor.to_json());
            match drive.cursor.state() {
                CursorState::Waiting { .. } if turn % 3 == 0 => drop(drive.digits("1")),
                CursorState::Waiting { .. } if turn % 3 == 1 => drop(drive.completed()),
                CursorState::Waiting { wait, .. } => drop(drive.input(Input::Timer { wait })),
                _ => break,
            }
        }
    }
    (compiled().into(), cursors)
}

/// Changed bytes of something that is stored as JSON behind `before` bytes.
fn stored_bytes(rng: &mut Rng, known: &[&[u8]], before: usize) -> Vec<u8> {
    let (one, other) = (rng.pick(known), rng.pick(known));
    if rng.one_in(3) {
        return mutate::bytes(rng, one, other, &mutate::PIECES);
    }
    let json = changed(rng, std::str::from_utf8(&one[before..]).unwrap());
    [&one[..before], &json].concat()
}

#[test]
fn what_once_went_wrong_stays_right() {
    target("documents").replay(document);
    target("bundles").replay(bundle);
    let (bundles, _) = stored();
    target("cursors").replay(|bytes| cursor(bytes, &bundles));
}

#[test]
fn any_document_is_refused_by_place_or_runs() {
    target("documents").fuzz(
        500,
        |rng| {
            let known = rng.pick(&SAMPLES);
            changed(rng, known)
        },
        |text| document(text),
    );
}

#[test]
fn any_bundle_is_refused_or_runs() {
    let (bundles, _) = stored();
    let known: Vec<&[u8]> = bundles.iter().map(Bundle::to_bytes).collect();
    target("bundles").fuzz(300, |rng| stored_bytes(rng, &known, 1), |bytes| bundle(bytes));
}

#[test]
fn any_cursor_is_refused_or_moves() {
    let (bundles, cursors) = stored();
    let known: Vec<&[u8]> = cursors.iter().map(Vec::as_slice).collect();
    target("cursors").fuzz(300, |rng| stored_bytes(rng, &known, 0), |bytes| cursor(bytes, &bundles));
}
