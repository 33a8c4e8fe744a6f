//! Fuzzing of the document reader from a seed, on a thread with half the stack of a worker.
//!
//! `FUZZ_SECONDS=600 cargo test -p flow --test fuzz -- --nocapture` runs longer than a few hundred rounds; `FUZZ_SEED`
//! repeats a run. What once went wrong is kept in `tests/corpus/documents`, one document a file.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(
    clippy::disallowed_methods,
    reason = "the environment says how long to fuzz; the core is not asked"
)]

mod support;

use flow::Bundle;
use flow::cursor::{CursorState, Input};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use support::{Drive, event};

const ROUNDS: u64 = 500;
const EXPRESSIONS: &str = include_str!("corpus/expressions.txt");
const SAMPLES: [&str; 5] = [
    include_str!("../../samples/ivr.json"),
    include_str!("../../samples/survey.json"),
    include_str!("../../samples/sim-usage-notice.json"),
    include_str!("../../samples/voicemail.json"),
    include_str!("../../samples/opening-hours.json"),
];

/// Splitmix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }
}

fn value(rng: &mut Rng) -> Value {
    let expressions: Vec<&str> = EXPRESSIONS.lines().collect();
    match rng.below(9) {
        0 => Value::Null,
        1 => json!(rng.next()),
        2 => json!(-1.5),
        3 => json!(["a", { "b": "${call.from}" }]),
        4 => (0..rng.below(60)).fold(json!("${x}"), |inner, _| json!([inner])),
        5 => json!("x".repeat(rng.below(20_000))),
        6 => json!("${call.from}".repeat(rng.below(2_500))),
        7 => json!(format!("${{{}}}", expressions[rng.below(expressions.len())])),
        _ => json!("a\u{0}\u{202e}ä/~1"),
    }
}

/// Replaces, removes or adds somewhere in the document.
fn change(rng: &mut Rng, at: &mut Value) {
    match at {
        Value::Object(fields) if !fields.is_empty() && rng.below(6) > 0 => {
            let key = fields.keys().nth(rng.below(fields.len())).unwrap().clone();
            match rng.below(8) {
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert(format!("{key}/~"), value(rng))),
                _ => change(rng, &mut fields[&key]),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.below(6) > 0 => {
            let index = rng.below(items.len());
            match rng.below(8) {
                0 => drop(items.remove(index)),
                1 => items.push(items[index].clone()),
                2 if items.len() < 3_000 => {
                    let item = items[index].clone();
                    items.extend(vec![item; 300]);
                }
                _ => change(rng, &mut items[index]),
            }
        }
        at => *at = value(rng),
    }
}

/// A document's text, sometimes with its syntax broken.
fn document(rng: &mut Rng) -> String {
    let mut document: Value = serde_json::from_str(SAMPLES[rng.below(SAMPLES.len())]).unwrap();
    for _ in 0..=rng.below(4) {
        change(rng, &mut document);
    }
    let mut text = document.to_string();
    match rng.below(8) {
        0 => text = text.chars().take(rng.below(text.len())).collect(),
        1 => text.insert_str(
            0,
            &["[", "{\"a\":", "\u{feff}", "/*", "\"", "-"][rng.below(6)].repeat(rng.below(5_000)),
        ),
        _ => {}
    }
    text
}

/// Everything that is done with a document: findings with places, compilation, storage, and a run.
fn exercise(text: &str) {
    for finding in flow::validate(text) {
        assert!(finding.what.chars().count() <= 1_001 && !finding.code.is_empty(), "{finding}");
    }
    let _ = flow::calls(text);
    let subroutines = BTreeMap::from([("opening-hours".to_owned(), SAMPLES[4].to_owned())]);
    let Ok(bundle) = Bundle::compile(("main", text), &subroutines) else { return };
    let again = Bundle::from_bytes(bundle.to_bytes()).unwrap();
    assert_eq!((again.hash(), again.memory()), (bundle.hash(), bundle.memory()));
    let trigger = bundle.trigger().unwrap_or("call.incoming").to_owned();
    let data = json!({ "from": "+15550100", "to": "+15550111", "text": "yes", "total_bytes": 2e9, "period": "2026-11" });
    let mut drive = Drive::new(bundle);
    drive.input(Input::Started(event(&trigger, data)));
    for _ in 0..20 {
        match drive.cursor.state() {
            CursorState::Yielded => drop(drive.input(Input::Resumed)),
            CursorState::Waiting { wait, .. } => drop(drive.input(Input::Timer { wait })),
            CursorState::Ended(_) => return,
        }
    }
}

fn on_a_worker(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn what_once_went_wrong_stays_right() {
    on_a_worker(|| {
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/documents")).unwrap()
        {
            exercise(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        }
    });
}

#[test]
fn any_document_is_refused_by_place_or_runs() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = setting("FUZZ_SECONDS");
    let seed = setting("FUZZ_SEED").unwrap_or(match seconds {
        Some(_) => std::process::id().into(),
        None => 7,
    });
    println!("FUZZ_SEED={seed}");
    on_a_worker(move || {
        let began = Instant::now();
        let mut rounds = 0;
        while seconds.map_or(rounds < ROUNDS, |seconds| began.elapsed().as_secs() < seconds) {
            let text = document(&mut Rng(seed.wrapping_add(rounds).wrapping_mul(0x2545_F491_4F6C_DD1D)));
            let outcome = std::panic::catch_unwind(|| exercise(&text));
            outcome.unwrap_or_else(|_| panic!("FUZZ_SEED={seed}, round {rounds}: {text}"));
            rounds += 1;
        }
        println!("{rounds} rounds");
    });
}
