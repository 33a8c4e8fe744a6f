//! Property tests of the step, with random flows and random inputs from a seed.
//!
//! `FLOW_SEED=<seed> cargo test -p flow --test properties` repeats a run that failed; `FLOW_RUNS` sets how many.

#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use flow::cursor::{Cursor, CursorState, Identity, Input};
use flow::step::{Effect, step};
use flow::{Bundle, Event, Timestamp};
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
        let (own, other) = (rng.bundle(), rng.bundle());
        let stored = one_life(seed);
        for bytes in stored.iter().take(20) {
            let mut json: Value = serde_json::from_slice(&bytes[1..]).unwrap();
            for _ in 0..=rng.below(3) {
                rng.damage(&mut json);
            }
            let bytes = [&bytes[..1], json.to_string().as_bytes()].concat();
            let trigger = Some(rng.event("call.incoming"));
            let Ok(cursor) = Cursor::from_bytes(&bytes, identity(), trigger) else { continue };
            for bundle in [&own, &other] {
                let input = rng.any_input();
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
            rng.damage(&mut document);
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
    let bundle = rng.bundle();
    let bundle = Bundle::from_bytes(bundle.to_bytes()).unwrap();
    let mut run = RandomRun {
        cursor: Cursor::new(&bundle, identity()),
        bundle,
        now: Timestamp::from_micros(0),
        sequence: 0,
        history: vec![],
    };
    if rng.one_in(10) {
        run.input(rng.input(&run));
    }
    run.input(Input::Started(rng.event("call.incoming")));
    for _ in 0..rng.below(60) {
        run.now = run.now.plus_millis(rng.below(4_000) as i64);
        let input = rng.input(&run);
        run.input(input.clone());
        if rng.one_in(5) {
            run.input(input);
        }
    }
    run.input(if rng.one_in(2) { Input::Stopped } else { hangup() });
    assert!(matches!(run.cursor.state(), CursorState::Ended(_)), "{:?}", run.cursor.state());
    let ended = run.cursor.clone();
    for _ in 0..5 {
        run.input(rng.input(&run));
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
        let bytes = once.cursor.to_bytes();
        assert_eq!(bytes, twice.cursor.to_bytes(), "and the same bytes");
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

/// xorshift64*
struct Rng(u64);

impl Rng {
    fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A main flow and two subroutines, the first of which calls the second.
    fn bundle(&mut self) -> Bundle {
        let texts = BTreeMap::from([
            ("one".to_owned(), self.document(None, &["two"]).to_string()),
            ("two".to_owned(), self.document(None, &[]).to_string()),
        ]);
        let main = self.document(Some("call.incoming"), &["one", "two"]);
        Bundle::compile(("main", &main.to_string()), &texts).unwrap_or_else(|findings| {
            // An endless loop is the only thing that random actions can have wrong with them: leave the loops out.
            assert!(findings.iter().all(|finding| finding.code == "SBX0303"), "{findings:#?}");
            support::voice(json!([{ "id": "a0", "type": "digits_receive" }, { "id": "a1", "type": "sleep", "option": { "duration": 5 } }]))
        })
    }

    fn document(&mut self, trigger: Option<&str>, callable: &[&str]) -> Value {
        let count = self.below(10);
        let actions: Vec<Value> = (0..count).map(|index| self.action(index, count, callable)).collect();
        let mut document =
            json!({ "schema": "signalbox.flow/v1", "variables": { "x": 1, "list": [] }, "actions": actions });
        if let Some(trigger) = trigger {
            document["trigger"] = json!({ "event": trigger });
        }
        document
    }

    fn action(&mut self, index: u64, count: u64, callable: &[&str]) -> Value {
        let target = |rng: &mut Rng| match rng.below(12) {
            0 => format!("00000000-0000-0000-0000-00000000000{}", rng.below(4)),
            _ => format!("a{}", rng.below(count)),
        };
        let value = self.pick(&[
            "${x + 1}",
            "${x ~ 'abc'}",
            "${call.digits}",
            "${call.nothing | default(x)}",
            "${1 / 0}",
            "${list + [x]}",
            "plain",
        ]);
        let (kind, option) = match self.below(17) {
            0 => ("answer", json!({})),
            1 => ("hangup", json!({ "reason": "busy" })),
            2 | 3 => (
                "talk",
                json!({ "text": value, "async": self.one_in(3), "digits_handle": self.pick(&["", "next"]) }),
            ),
            4 => ("play", json!({ "stream_urls": [value], "digits_handle": self.pick(&["", "next"]) })),
            5 | 6 => (
                "digits_receive",
                json!({ "length": self.below(4), "key": self.pick(&["", "#", "12"]), "duration": self.below(5_000) }),
            ),
            7 => (
                "message_send",
                json!({ "text": value, "wait_delivery": self.one_in(2), "destinations": [{ "target": "+1" }, { "target": value }] }),
            ),
            8 => (
                "branch",
                json!({ "target_ids": { "1": target(self), "2": target(self) }, "default_target_id": target(self) }),
            ),
            9 => (
                "condition",
                json!({ "expression": self.pick(&["x > 5", "call.digits == '1'", "x / 0", "${x}"]), "false_target_id": target(self) }),
            ),
            10 => ("goto", json!({ "target_id": target(self), "loop_count": self.below(4) })),
            11 => ("sleep", json!({ "duration": self.pick(&["${x * 10}", "${x ~ 'no'}", "${500}"]) })),
            12 => (
                "variable_set",
                json!({ "key": self.pick(&["x", "list", "list.deep"]), "value": [value, { "y": value }] }),
            ),
            13 if !callable.is_empty() => (
                "subroutine",
                json!({ "flow_id": self.pick(callable), "arguments": { "x": value }, "results": { "x": "${x}" } }),
            ),
            14 => (
                "recording_start",
                json!({ "name": value, "duration": "${x}", "end_of_key": self.pick(&["", "none", "any", "#"]) }),
            ),
            15 => ("recording_stop", json!({ "wait": self.one_in(2) })),
            _ => ("variable_set", json!({ "key": "x", "value": value })),
        };
        let mut action = json!({ "id": format!("a{index}"), "type": kind, "option": option });
        if self.one_in(4) {
            action["on_error"] = json!(if self.one_in(2) {
                self.pick(&["stop", "continue"]).to_owned()
            } else {
                target(self)
            });
        }
        if self.one_in(6) {
            action["next_id"] = json!(target(self));
        }
        action
    }

    /// Changes a random part of `value`.
    fn damage(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) if !items.is_empty() && !self.one_in(8) => {
                let index = self.below(items.len() as u64) as usize;
                self.damage(&mut items[index]);
            }
            Value::Object(fields) if !fields.is_empty() && !self.one_in(8) => {
                let index = self.below(fields.len() as u64) as usize;
                if let Some(field) = fields.values_mut().nth(index) {
                    self.damage(field);
                }
            }
            _ => {
                *value = match self.below(9) {
                    0 => json!(null),
                    1 => json!([]),
                    2 => json!({}),
                    3 => json!(u32::MAX),
                    4 => json!(u64::MAX),
                    5 => json!(-1.5),
                    6 => json!("a0"),
                    7 => json!("${x ~ } ä"),
                    _ => json!({ "a": [{ "b": "call.talk" }] }),
                }
            }
        }
    }

    fn input(&mut self, run: &RandomRun) -> Input {
        let wait = match run.cursor.state() {
            CursorState::Waiting { wait, .. } => wait,
            _ => 0,
        };
        self.input_at(wait)
    }

    fn any_input(&mut self) -> Input {
        let wait = self.below(4);
        self.input_at(wait)
    }

    fn input_at(&mut self, wait: u64) -> Input {
        match self.below(24) {
            0..=4 => self.heard("call.digits"),
            5..=9 => self.heard("command.completed"),
            10 => self.heard("command.failed"),
            11..=14 => Input::Timer { wait },
            15 => Input::Timer { wait: self.below(30) },
            16..=18 => Input::Resumed,
            19 => Input::Forwarded { action_id: format!("a{}", self.below(12)) },
            20 => Input::Continued,
            21 => {
                let kind = self
                    .pick(&["message.received", "sim.usage", "call.incoming", "nonsense", "command."])
                    .to_owned();
                self.heard(&kind)
            }
            22 => Input::Started(self.event("call.incoming")),
            _ => Input::Event {
                event: self.event("call.digits"),
                start: Some(vec![7; self.below(3_000) as usize]),
            },
        }
    }

    fn heard(&mut self, kind: &str) -> Input {
        Input::Event { event: self.event(kind), start: None }
    }

    fn event(&mut self, kind: &str) -> Event {
        let data = match self.below(9) {
            0 => json!({}),
            1 => json!({ "digits": 7, "command_id": [], "from": null }),
            2 => json!({ "digits": "ä#", "command_id": format!("other:{}", self.below(9)), "error": "text" }),
            _ => json!({
                "digits": self.pick(&["1", "2", "12", "3#4", "", "999999", "*"]),
                "command_id": format!("{ID}:{}", self.below(20)),
                "error": { "code": "busy", "message": "no" },
                "from": "+15550100", "to": "+15550111",
            }),
        };
        let data: Map<String, Value> = data.as_object().cloned().unwrap();
        Event { data, ..support::event(kind, json!({})) }
    }
}
