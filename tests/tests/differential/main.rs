//! The model, the embedded store and a real Redis, compared with each other. A seeded history of operations, with old claims,
//! repeated calls, lost answers, clock jumps and killed processes, must get equal answers and leave equal contents.
//!
//! ```text
//! generator ──► operation ──► model ─────┐
//!    ▲                    ├─► embedded ──┼─► equal? ──► touched records equal? ──► at intervals: all contents equal?
//!    └── the answer ──────└─► Redis ─────┘
//! ```
//! It performs `DIFF_OPS` operations in histories of 2,000, each with fresh stores. History n has the seed `DIFF_SEED` + n.

mod answer_kinds;
mod fixtures;
mod generator;
mod held_claims;
mod operation;
mod plan;
mod player;
mod report;
mod shrink;
mod stores;

use player::{Difference, Tally, play};
use report::{parts_that_differ, readable};
use std::time::Instant;
use tests::support::redis::{Redis, RedisOptions};

const HISTORY: u64 = 2_000;
const DEFAULT: u64 = 20_000;
/// First seed: from it, every kind of answer occurs.
const FIRST: u64 = 100;

/// Every kind of answer that a sufficiently long history must produce.
const EXPECTED: &[(&str, &[&str])] = &[
    (
        "deliver",
        &[
            "applied, owner started",
            "applied, owner started and claimed",
            "applied to an existing one",
            "applied to an existing one, sides started",
            "applied, sides started",
            "duplicate",
            "unmatched",
            "late",
            "inbox full",
            "stale definitions",
        ],
    ),
    ("count_attempt", &["answered"]),
    (
        "claim",
        &[
            "rows",
            "nothing",
            "dead",
            "with inputs",
            "with unsettled commands",
            "with a control",
            "suspects wait",
        ],
    ),
    ("commit, keep", &["kept", "rate limited", "fenced"]),
    ("commit, park", &["released", "more", "more, with a control", "fenced", "refused as an error"]),
    ("commit, pause", &["released", "more, with a control", "fenced", "refused as an error"]),
    ("commit, yield", &["released", "fenced", "refused as an error"]),
    ("commit, end", &["released", "fenced", "refused as an error"]),
    ("finish, keep", &["kept", "released", "fenced"]),
    ("finish, park", &["released", "more", "more, with a control", "fenced", "refused as an error"]),
    ("finish, pause", &["released", "more, with a control", "fenced"]),
    ("finish, yield", &["released", "fenced"]),
    ("finish, end", &["released", "fenced"]),
    ("release", &["answered"]),
    ("control", &["accepted", "ended", "unknown"]),
    ("control, stop", &["accepted", "ended", "unknown"]),
    ("control, retry", &["accepted", "unknown"]),
    ("control, once", &["accepted", "ended", "unknown", "repeated", "id reused", "void"]),
    (
        "sweep",
        &["nothing to do", "fired waits", "suspects", "quarantined", "overdue", "forgotten", "more to do"],
    ),
    ("depth", &["answered"]),
    ("heartbeat", &["answered"]),
    ("leave", &["answered"]),
    ("members", &["answered"]),
    ("publish", &["done", "conflict"]),
    ("definitions", &["found", "nothing"]),
    ("bundle", &["found", "nothing"]),
    ("now", &["answered"]),
    ("record_route_transition", &["published", "not published"]),
    ("route_transition_published", &["answered"]),
    ("route_transitions", &["found"]),
    ("get", &["found", "nothing"]),
    ("list", &["found", "nothing"]),
    ("feed", &["found", "nothing"]),
    ("trim", &["answered"]),
    ("(clock)", &["answered"]),
    ("(killed)", &["answered"]),
    ("(restarted)", &["answered"]),
];

#[tokio::test]
async fn the_three_stores_answer_alike() {
    let (operations, first) = (number("DIFF_OPS", DEFAULT), number("DIFF_SEED", FIRST));
    let server = Redis::start(RedisOptions::default());
    let begun = Instant::now();
    let mut tally = Tally::new();
    for (seed, from) in (first..).zip((0..operations).step_by(HISTORY as usize)) {
        let length = HISTORY.min(operations - from);
        if let Err(difference) = play(&server.url(), seed, length, &mut tally).await {
            print_difference(seed, length, &difference);
            let shortest = shrink::shrink(&server.url(), difference).await;
            println!("\nthe shortest failing history found:");
            print_difference(seed, length, &shortest);
            panic!("the stores differ; seed {seed}");
        }
    }
    let counts = table(&tally);
    println!(
        "{counts}{operations} operations from seed {first} in {} s: no difference",
        begun.elapsed().as_secs()
    );
    let missed = missed(&tally);
    assert!(operations < DEFAULT || missed.is_empty(), "kinds of answers that never occurred: {missed:?}");
}

fn number(variable: &str, default: u64) -> u64 {
    let Ok(chosen) = std::env::var(variable) else { return default };
    chosen.parse().unwrap_or_else(|_| panic!("{variable} is `{chosen}`; write a number"))
}

fn print_difference(seed: u64, length: u64, difference: &Difference) {
    let count = difference.operations.len();
    println!("seed {seed}: the stores differ after operation {count}");
    let shown = count.saturating_sub(25);
    for (number, operation) in difference.operations.iter().enumerate().skip(shown) {
        println!("  {:>5}  {}", number + 1, readable(&format!("{operation:?}")));
    }
    println!("  asked:  {}", readable(&difference.asked));
    println!("{}", parts_that_differ(&difference.answers));
    println!(
        "  repeat: DIFF_SEED={seed} DIFF_OPS={length} cargo test --profile quick --workspace --test differential -- --nocapture"
    );
}

fn table(tally: &Tally) -> String {
    let row = |((operation, answer), count): (&(&str, &str), &u64)| {
        format!("{operation:>16}  {count:>9}  {answer}\n")
    };
    tally.iter().map(row).collect()
}

fn missed(tally: &Tally) -> Vec<(&'static str, &'static str)> {
    let all = EXPECTED.iter().flat_map(|(name, kinds)| kinds.iter().map(move |kind| (*name, *kind)));
    all.filter(|key| !tally.contains_key(key)).collect()
}
