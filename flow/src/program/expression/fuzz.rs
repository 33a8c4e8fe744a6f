//! Fuzzing of the parser and the evaluator (CONTRIBUTING.md). What once went wrong is kept, one expression a line, in
//! `tests/corpus/expressions.txt`.

#![expect(
    clippy::disallowed_methods,
    reason = "the time of a unit of work is measured; the core is not asked"
)]

use super::*;
use ::fuzz::{Rng, Target, on_small_stack};
use serde_json::json;
use std::time::{Duration, Instant};

const CORPUS: &str = include_str!("../../../tests/corpus/expressions.txt");
const KNOWN: &str = include_str!("same_as_minijinja.txt");
const ROUNDS: u64 = 5_000;

struct Variables(Value);

impl Lookup for Variables {
    fn path(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        path.iter().try_fold(&self.0, |value, key| evaluator::field(value, key)).map(Cow::Borrowed)
    }
}

const PIECES: &[&str] = &[
    "1",
    "0",
    "-1",
    "2.5",
    "1e308",
    "9223372036854775807",
    "18446744073709551615",
    "'x'",
    "''",
    "\"ä\\u00e4\"",
    "true",
    "none",
    "n",
    "s",
    "big",
    "list",
    "many",
    "o",
    "deep",
    "missing",
    "o.a.x",
    "list[0]",
    "s[-1]",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    ".",
    "|",
    "=",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    " in ",
    " not in ",
    " not ",
    " and ",
    " or ",
    " if ",
    " else ",
    " is ",
    " is not ",
    "range(",
    "dict(",
    "[::-1]",
    "[1:]",
    "[:9]",
    "|join",
    "|length",
    "default(",
    "\\",
    "'",
    "\"",
    "${",
    "}",
    "\u{0}",
    "é",
    "🦀",
    "\n",
];

/// An expression that is likely to be accepted.
fn grown(rng: &mut Rng, depth: usize) -> String {
    const VALUES: &[&str] = &[
        "1",
        "0",
        "3",
        "-7",
        "2.5",
        "1e300",
        "'x'",
        "''",
        "'a,b c'",
        "n",
        "s",
        "big",
        "list",
        "many",
        "o",
        "deep",
        "missing",
        "true",
        "none",
        "[]",
        "{}",
        "65536",
        "9223372036854775807",
    ];
    if depth == 0 {
        return rng.pick(VALUES).to_owned();
    }
    let part = |rng: &mut Rng| grown(rng, depth - 1);
    match rng.index(14) {
        0..=2 => {
            let operators = [
                "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", " in ", " not in ", " and ",
                " or ",
            ];
            format!("({}{}{})", part(rng), rng.pick(&operators), part(rng))
        }
        3..=6 => {
            let filters = filters::names();
            let name = filters[rng.index(filters.len())];
            let takes = filters::find(name).map_or(0, |filter| filter.parameters.len());
            let given: Vec<String> = (0..rng.index(takes + 1)).map(|_| part(rng)).collect();
            let given = match name {
                "map" => vec![format!("'{}'", filters[rng.index(filters.len())]), part(rng)],
                "select" | "reject" => vec!["'in'".into(), part(rng)],
                "selectattr" | "rejectattr" => vec!["'a'".into(), "'eq'".into(), part(rng)],
                _ => given,
            };
            format!("({} | {name}({}))", part(rng), given.join(", "))
        }
        7 => format!("[{}, {}]", part(rng), part(rng)),
        8 => format!("{{'a': {}, 'b': {}}}", part(rng), part(rng)),
        9 => format!("({} if {} else {})", part(rng), part(rng), part(rng)),
        10 => {
            format!("{}[{}:{}:{}]", rng.pick(&["s", "big", "list", "many"]), part(rng), part(rng), part(rng))
        }
        11 => {
            let tests = predicates::names();
            let name = tests[rng.index(tests.len())];
            let takes = predicates::find(name).map_or(0, |test| test.arguments);
            let given: Vec<String> = (0..takes).map(|_| part(rng)).collect();
            format!("({} is {name}({}))", part(rng), given.join(", "))
        }
        12 => format!("range({}, {}, {})", part(rng), part(rng), part(rng)),
        _ => format!("{}({})", rng.pick(&["-", "not "]), part(rng)),
    }
}

/// A known expression with some of it removed, repeated or replaced.
fn mutated(rng: &mut Rng, known: &[&str]) -> String {
    let mut text: Vec<char> = rng.pick(known).chars().collect();
    for _ in 0..=rng.index(4) {
        let at = rng.index(text.len() + 1);
        let end = (at + rng.index(8)).min(text.len());
        let piece: Vec<char> = match rng.index(4) {
            0 => vec![],
            1 => text[at..end].repeat(rng.index(100)),
            2 => rng.pick(known).chars().collect(),
            _ => rng.pick(PIECES).chars().collect(),
        };
        text.splice(at..end, piece);
        text.truncate(20_000);
    }
    text.into_iter().collect()
}

fn any(rng: &mut Rng, known: &[&str]) -> String {
    match rng.index(8) {
        0 => (0..rng.index(30)).map(|_| rng.pick(PIECES)).collect(),
        1 => rng.pick(PIECES).repeat(rng.index(3_000)),
        2..=4 => mutated(rng, known),
        _ => {
            let depth = rng.index(6);
            grown(rng, depth)
        }
    }
}

/// Everything that is done with an expression. Returns the work, and the time that it took.
fn exercise(source: &str, variables: &Variables) -> (u64, Duration) {
    let mut total = (0, Duration::ZERO);
    let _ = count(source);
    for template in [Template::parse_expression(source), Template::parse(&format!("a${{{source}}}b"))] {
        let template = match template {
            Ok(template) => template,
            Err(refusal) => {
                assert!(refusal.message.len() < 2_000, "{source}: {refusal}");
                continue;
            }
        };
        let _ = (template.reads(), template.literal(), template.mistakes(&|_| Kind::Text));
        let mut work = Work::of(1_000_000);
        let began = Instant::now();
        let outcome = template.evaluate(variables, &mut work);
        total = (total.0 + work.used(), total.1 + began.elapsed());
        match &outcome {
            Ok(Evaluation { value, .. }) => {
                let size = value.as_str().map_or_else(|| value.to_string().len(), str::len);
                assert!(size <= MAX_OUTPUT_BYTES, "{source}: {size} bytes");
            }
            Err(Fault::Wrong(message)) => assert!(message.len() < 2_000, "{source}: {message}"),
            Err(Fault::Exhausted) => assert!(work.is_exhausted(), "{source}"),
        }
        let mut again = Work::of(1_000_000);
        assert_eq!(template.evaluate(variables, &mut again), outcome, "{source}");
        assert_eq!(again.used(), work.used(), "{source}");
    }
    total
}

fn variables() -> Variables {
    let deep = (0..30).fold(json!(1), |inner, _| json!([inner]));
    Variables(json!({
        "n": 3, "f": 2.5, "s": "Hello World", "big": "x y".repeat(15_000), "list": [3, 1, 2],
        "many": (0..9_000).collect::<Vec<_>>(), "names": ["b", "A", "c", "a"], "o": { "b": 1, "a": { "x": [10, 20] } },
        "people": [{ "name": "Z", "age": 3 }, { "name": "y", "age": 1 }], "deep": deep,
    }))
}

#[test]
fn what_once_went_wrong_stays_right() {
    on_small_stack(|| {
        let variables = variables();
        for line in CORPUS.lines().chain(KNOWN.lines()) {
            exercise(line, &variables);
        }
    });
    target().replay(|input| {
        exercise(&String::from_utf8_lossy(input), &variables());
    });
}

#[test]
fn any_text_is_refused_or_comes_to_a_bounded_value() {
    let variables = variables();
    let known: Vec<&str> = CORPUS.lines().chain(KNOWN.lines()).filter(|line| !line.is_empty()).collect();
    let mut slowest = (0.0, String::new());
    target().fuzz(
        ROUNDS,
        |rng| any(rng, &known),
        |source| {
            let (work, time) = exercise(source, &variables);
            let each = |time: Duration| time.as_nanos() as f64 / work.max(10_000) as f64;
            if each(time) > slowest.0 {
                // Of several times, the least is the one that nothing disturbed.
                let least = (0..5).map(|_| exercise(source, &variables).1).min().unwrap_or(time);
                if each(least) > slowest.0 {
                    slowest = (each(least), source.chars().take(300).collect());
                }
            }
        },
    );
    println!("at most {:.1} ns a unit of work: {}", slowest.0, slowest.1);
}

fn target() -> Target {
    Target::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/expressions"))
}
