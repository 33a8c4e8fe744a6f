//! Property tests of the step, with random flows and random inputs from a seed.
//!
//! `FLOW_SEED=<seed> cargo test -p flow --test properties` repeats a run that failed; `FLOW_RUNS` sets how many.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use flow::cursor::{Cursor, CursorState, Identity, Input};
use flow::step::{Effect, step};
use flow::{Bundle, Event, Timestamp};
use fuzz::{Rng, mutate};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use support::ID;

#[test]
fn any_flow_under_any_inputs_keeps_its_promises() {
    let first = setting("FLOW_SEED").unwrap_or(0x5EED);
    let runs = setting("FLOW_RUNS").unwrap_or(if setting("FLOW_SEED").is_some() { 1 } else { 150 });
    for seed in first..first + runs {
        if let Err(panic) = std::panic::catch_unwind(|| one_life(seed)) {
            eprintln!("failed: FLOW_SEED={seed} cargo test -p flow --test properties");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_history() {
    for seed in 0..20 {
        assert_eq!(one_life(seed), one_life(seed), "seed {seed}");
    }
}

#[test]
fn a_cursor_that_nobody_wrote_moves_without_a_panic() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let (own, other) = (bundle(&mut rng), bundle(&mut rng));
        let stored = one_life(seed);
        for bytes in stored.iter().take(20) {
            let mut json: Value = serde_json::from_slice(bytes).unwrap();
            for _ in 0..=rng.below(3) {
                mutate::json(&mut rng, &mut json, &mut mutate::any_json);
            }
            let trigger = Some(event(&mut rng, "call.incoming"));
            let Ok(cursor) = Cursor::from_json(json.to_string().as_bytes(), identity(), trigger) else {
                continue;
            };
            for bundle in [&own, &other] {
                let input = any_input(&mut rng);
                let step =
                    step(bundle, cursor.clone(), input, Timestamp::from_micros(rng.below(1 << 40) as i64));
                assert_eq!(support::stored(&step.cursor), Ok(step.cursor), "seed {seed}");
            }
        }
    }
}

#[test]
fn a_damaged_document_has_findings_and_no_panic() {
    let samples = [
        include_str!("../../samples/ivr.json"),
        include_str!("../../samples/opening-hours.json"),
        include_str!("../../samples/sms-auto-reply.json"),
    ];
    let subroutines = BTreeMap::from([("opening-hours".to_owned(), samples[1].to_owned())]);
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let mut document: Value = serde_json::from_str(samples[rng.below(3) as usize]).unwrap();
        for _ in 0..=rng.below(4) {
            mutate::json(&mut rng, &mut document, &mut mutate::any_json);
        }
        let mut text = serde_json::to_string_pretty(&document).unwrap();
        if rng.one_in(4) {
            let cut = rng.below(text.len() as u64) as usize;
            text.truncate((0..=cut).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        }
        let findings = flow::validate(&text);
        assert!(
            findings.iter().all(|finding| finding.line > 0 && finding.column > 0),
            "seed {seed}: {findings:#?}"
        );
        if let Err(errors) = Bundle::compile(("main", &text), &subroutines) {
            assert!(!errors.is_empty(), "seed {seed}: refused without a word");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an environment variable sets the seed of the test")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// One activeflow from start to end. Returns the bytes of every cursor, so that runs can be compared.
fn one_life(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let bundle = bundle(&mut rng);
    let bundle = Bundle::from_bytes(bundle.to_bytes()).unwrap();
    let mut run = RandomRun {
        cursor: Cursor::new(&bundle, identity()),
        bundle,
        now: Timestamp::from_micros(0),
        sequence: 0,
        history: vec![],
    };
    if rng.one_in(10) {
        run.input(input(&mut rng, &run));
    }
    run.input(Input::Started(event(&mut rng, "call.incoming")));
    for _ in 0..rng.below(60) {
        run.now = run.now.plus_millis(rng.below(4_000) as i64);
        let input = input(&mut rng, &run);
        run.input(input.clone());
        if rng.one_in(5) {
            run.input(input);
        }
    }
    run.input(if rng.one_in(2) { Input::Stopped } else { hangup() });
    assert!(matches!(run.cursor.state(), CursorState::Ended(_)), "{:?}", run.cursor.state());
    let ended = run.cursor.clone();
    for _ in 0..5 {
        run.input(input(&mut rng, &run));
        assert_eq!(run.cursor, ended, "an ended activeflow does not change");
    }
    run.history
}

struct RandomRun {
    bundle: Bundle,
    cursor: Cursor,
    now: Timestamp,
    sequence: u32,
    history: Vec<Vec<u8>>,
}

impl RandomRun {
    fn input(&mut self, input: Input) {
        let before = self.cursor.state();
        let once = step(&self.bundle, self.cursor.clone(), input.clone(), self.now);
        let twice = step(&self.bundle, self.cursor.clone(), input.clone(), self.now);
        assert_eq!(once, twice, "the same arguments give the same outcome");
        let bytes = once.cursor.to_json();
        assert_eq!(bytes, twice.cursor.to_json(), "and the same bytes");
        assert_eq!(support::stored(&once.cursor).as_ref(), Ok(&once.cursor), "a cursor survives its bytes");
        for Effect::Command(command) in &once.effects {
            assert_eq!(command.sequence, self.sequence + 1, "sequences grow by one");
            self.sequence = command.sequence;
        }
        if let (
            CursorState::Waiting { wait: old, until: then },
            CursorState::Waiting { wait: new, until: now },
        ) = (&before, once.cursor.state())
        {
            assert!(new >= *old, "wait ids only grow");
            assert!(new != *old || now == *then, "a wait keeps its deadline");
        }
        assert!(
            once.cursor != self.cursor || !once.notes.is_empty(),
            "an input that changes nothing leaves a note: {input:?}"
        );
        if input == Input::Stopped {
            assert!(matches!(once.cursor.state(), CursorState::Ended(_)), "after a stop it has ended");
        }
        self.history.push(bytes);
        self.cursor = once.cursor;
    }
}

fn identity() -> Identity {
    Identity {
        activeflow_id: ID.into(),
        customer_id: "acme".into(),
        reference_type: "call".into(),
        reference_id: "call-1".into(),
    }
}

fn hangup() -> Input {
    Input::Event { event: support::event("call.hangup", json!({})), start: None }
}

/// A main flow and two subroutines, the first of which calls the second.
fn bundle(rng: &mut Rng) -> Bundle {
    let texts = BTreeMap::from([
        ("one".to_owned(), document(rng, None, &["two"]).to_string()),
        ("two".to_owned(), document(rng, None, &[]).to_string()),
    ]);
    let main = document(rng, Some("call.incoming"), &["one", "two"]);
    Bundle::compile(("main", &main.to_string()), &texts).unwrap_or_else(|findings| {
        // An endless loop is the only thing that random actions can have wrong with them: leave the loops out.
        assert!(findings.iter().all(|finding| finding.code == "SBX0303"), "{findings:#?}");
        support::voice(json!([{ "id": "a0", "type": "digits_receive" }, { "id": "a1", "type": "sleep", "option": { "duration": 5 } }]))
    })
}

fn document(rng: &mut Rng, trigger: Option<&str>, callable: &[&str]) -> Value {
    let count = rng.below(10);
    let actions: Vec<Value> = (0..count).map(|index| action(rng, index, count, callable)).collect();
    let mut document =
        json!({ "schema": "signalbox.flow/v1", "variables": { "x": 1, "list": [] }, "actions": actions });
    if let Some(trigger) = trigger {
        document["trigger"] = json!({ "event": trigger });
    }
    document
}

fn action(rng: &mut Rng, index: u64, count: u64, callable: &[&str]) -> Value {
    let target = |rng: &mut Rng| match rng.below(12) {
        0 => format!("00000000-0000-0000-0000-00000000000{}", rng.below(4)),
        _ => format!("a{}", rng.below(count)),
    };
    let value = rng.pick(&[
        "${x + 1}",
        "${x ~ 'abc'}",
        "${call.digits}",
        "${call.nothing | default(x)}",
        "${1 / 0}",
        "${list + [x]}",
        "plain",
    ]);
    let (kind, option) = match rng.below(17) {
        0 => ("answer", json!({})),
        1 => ("hangup", json!({ "reason": "busy" })),
        2 | 3 => (
            "talk",
            json!({ "text": value, "async": rng.one_in(3), "digits_handle": rng.pick(&["", "next"]) }),
        ),
        4 => ("play", json!({ "stream_urls": [value], "digits_handle": rng.pick(&["", "next"]) })),
        5 | 6 => (
            "digits_receive",
            json!({ "length": rng.below(4), "key": rng.pick(&["", "#", "12"]), "duration": rng.below(5_000) }),
        ),
        7 => (
            "message_send",
            json!({ "text": value, "wait_delivery": rng.one_in(2), "destinations": [{ "target": "+1" }, { "target": value }] }),
        ),
        8 => (
            "branch",
            json!({ "target_ids": { "1": target(rng), "2": target(rng) }, "default_target_id": target(rng) }),
        ),
        9 => (
            "condition",
            json!({ "expression": rng.pick(&["x > 5", "call.digits == '1'", "x / 0", "${x}"]), "false_target_id": target(rng) }),
        ),
        10 => ("goto", json!({ "target_id": target(rng), "loop_count": rng.below(4) })),
        11 => ("sleep", json!({ "duration": rng.pick(&["${x * 10}", "${x ~ 'no'}", "${500}"]) })),
        12 => (
            "variable_set",
            json!({ "key": rng.pick(&["x", "list", "list.deep"]), "value": [value, { "y": value }] }),
        ),
        13 if !callable.is_empty() => (
            "subroutine",
            json!({ "flow_id": rng.pick(callable), "arguments": { "x": value }, "results": { "x": "${x}" } }),
        ),
        14 => (
            "recording_start",
            json!({ "name": value, "duration": "${x}", "end_of_key": rng.pick(&["", "none", "any", "#"]) }),
        ),
        15 => ("recording_stop", json!({ "wait": rng.one_in(2) })),
        _ => ("variable_set", json!({ "key": "x", "value": value })),
    };
    let mut action = json!({ "id": format!("a{index}"), "type": kind, "option": option });
    if rng.one_in(4) {
        action["on_error"] =
            json!(if rng.one_in(2) { rng.pick(&["stop", "continue"]).to_owned() } else { target(rng) });
    }
    if rng.one_in(6) {
        action["next_id"] = json!(target(rng));
    }
    action
}

fn input(rng: &mut Rng, run: &RandomRun) -> Input {
    let wait = match run.cursor.state() {
        CursorState::Waiting { wait, .. } => wait,
        _ => 0,
    };
    input_at(rng, wait)
}

fn any_input(rng: &mut Rng) -> Input {
    let wait = rng.below(4);
    input_at(rng, wait)
}

fn input_at(rng: &mut Rng, wait: u64) -> Input {
    match rng.below(24) {
        0..=4 => heard(rng, "call.digits"),
        5..=9 => heard(rng, "command.completed"),
        10 => heard(rng, "command.failed"),
        11..=14 => Input::Timer { wait },
        15 => Input::Timer { wait: rng.below(30) },
        16..=18 => Input::Resumed,
        19 => Input::Forwarded { action_id: format!("a{}", rng.below(12)) },
        20 => Input::Continued,
        21 => {
            let kind = rng
                .pick(&["message.received", "sim.usage", "call.incoming", "nonsense", "command."])
                .to_owned();
            heard(rng, &kind)
        }
        22 => Input::Started(event(rng, "call.incoming")),
        _ => {
            Input::Event { event: event(rng, "call.digits"), start: Some(vec![7; rng.below(3_000) as usize]) }
        }
    }
}

fn heard(rng: &mut Rng, kind: &str) -> Input {
    Input::Event { event: event(rng, kind), start: None }
}

fn event(rng: &mut Rng, kind: &str) -> Event {
    let data = match rng.below(9) {
        0 => json!({}),
        1 => json!({ "digits": 7, "command_id": [], "from": null }),
        2 => json!({ "digits": "ä#", "command_id": format!("other:{}", rng.below(9)), "error": "text" }),
        _ => json!({
            "digits": rng.pick(&["1", "2", "12", "3#4", "", "999999", "*"]),
            "command_id": format!("{ID}:{}", rng.below(20)),
            "error": { "code": "busy", "message": "no" },
            "from": "+15550100", "to": "+15550111",
        }),
    };
    let data: Map<String, Value> = data.as_object().cloned().unwrap();
    Event { data, ..support::event(kind, json!({})) }
}
