//! Fuzzing of the parser and the evaluator from a seed, on a thread with half the stack of a worker.
//!
//! `FUZZ_SECONDS=600 cargo test -p flow expression::fuzz -- --nocapture` runs longer than a few thousand rounds;
//! `FUZZ_SEED` repeats a run. What once went wrong is kept, one expression a line, in `tests/corpus/expressions.txt`.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment says how long to fuzz; the core is not asked"
)]

use super::*;
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
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
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
    match rng.below(14) {
        0..=2 => {
            let operators = [
                "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", " in ", " not in ", " and ",
                " or ",
            ];
            format!("({}{}{})", part(rng), rng.pick(&operators), part(rng))
        }
        3..=6 => {
            let filters = filters::names();
            let name = filters[rng.below(filters.len())];
            let takes = filters::find(name).map_or(0, |filter| filter.parameters.len());
            let given: Vec<String> = (0..rng.below(takes + 1)).map(|_| part(rng)).collect();
            let given = match name {
                "map" => vec![format!("'{}'", filters[rng.below(filters.len())]), part(rng)],
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
            let name = tests[rng.below(tests.len())];
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
    for _ in 0..=rng.below(4) {
        let at = rng.below(text.len() + 1);
        let end = (at + rng.below(8)).min(text.len());
        let piece: Vec<char> = match rng.below(4) {
            0 => vec![],
            1 => text[at..end].repeat(rng.below(100)),
            2 => rng.pick(known).chars().collect(),
            _ => rng.pick(PIECES).chars().collect(),
        };
        text.splice(at..end, piece);
        text.truncate(20_000);
    }
    text.into_iter().collect()
}

fn any(rng: &mut Rng, known: &[&str]) -> String {
    match rng.below(8) {
        0 => (0..rng.below(30)).map(|_| rng.pick(PIECES)).collect(),
        1 => rng.pick(PIECES).repeat(rng.below(3_000)),
        2..=4 => mutated(rng, known),
        _ => {
            let depth = rng.below(6);
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

fn on_a_worker(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
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
    on_a_worker(|| {
        let variables = variables();
        for line in CORPUS.lines().chain(KNOWN.lines()) {
            exercise(line, &variables);
        }
    });
}

#[test]
fn any_text_is_refused_or_comes_to_a_bounded_value() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seconds = setting("FUZZ_SECONDS");
    let seed = setting("FUZZ_SEED").unwrap_or_else(|| match seconds {
        Some(_) => std::process::id().into(),
        None => 7,
    });
    println!("FUZZ_SEED={seed}");
    on_a_worker(move || {
        let variables = variables();
        let known: Vec<&str> = CORPUS.lines().chain(KNOWN.lines()).filter(|line| !line.is_empty()).collect();
        let began = Instant::now();
        let mut slowest = (0.0, String::new());
        let mut rounds = 0;
        while seconds.map_or(rounds < ROUNDS, |seconds| began.elapsed().as_secs() < seconds) {
            let mut rng = Rng(seed.wrapping_add(rounds).wrapping_mul(0x2545_F491_4F6C_DD1D));
            let source = any(&mut rng, &known);
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| exercise(&source, &variables)));
            let (work, time) =
                outcome.unwrap_or_else(|_| panic!("FUZZ_SEED={seed}, round {rounds}: {source}"));
            let each = |time: Duration| time.as_nanos() as f64 / work.max(10_000) as f64;
            if each(time) > slowest.0 {
                // Of several times, the least is the one that nothing disturbed.
                let least = (0..5).map(|_| exercise(&source, &variables).1).min().unwrap_or(time);
                if each(least) > slowest.0 {
                    slowest = (each(least), source.chars().take(300).collect());
                }
            }
            rounds += 1;
        }
        println!("{rounds} rounds, at most {:.1} ns a unit of work: {}", slowest.0, slowest.1);
    });
}
