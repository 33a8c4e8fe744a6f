//! Seeded histories of the whole engine. A failing one prints the command that repeats it and keeps its history.
//!
//! `SIM_SEEDS=from..to` chooses the seeds; without it some hundred are played.

use std::fmt::Write;
use tests::sim::fault::Tally;
use tests::sim::{Report, play};

#[test]
fn the_same_seed_twice_is_the_same_history() {
    let (first, second) = (play(7), play(7));
    let differs = first.lines.iter().zip(&second.lines).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!((first.digest, first.lines.len()), (second.digest, second.lines.len()));
}

#[test]
fn no_history_breaks_a_promise() {
    let seeds = seeds();
    let (mut tally, mut moves, mut shortest) = (Tally::default(), 0, u64::MAX);
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let report = play(seed);
        tally.add(&report.tally);
        moves += report.moves;
        shortest = shortest.min(report.moves);
        if !report.violations.is_empty() {
            failed.push(seed);
            tell(&report);
        }
        assert!(failed.len() < 5, "five histories broke a promise: {failed:?}");
    }
    println!("{} histories, {moves} moves, the shortest {shortest}\n{tally}", seeds.count());
    assert!(failed.is_empty(), "these histories broke a promise: {failed:?}");
}

fn seeds() -> std::ops::Range<u64> {
    let chosen = std::env::var("SIM_SEEDS").unwrap_or_else(|_| "0..100".into());
    let range = chosen.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("SIM_SEEDS is `{chosen}`; write it as 0..1000"))
}

/// Keeps the history where a person can read it, and prints what broke.
fn tell(report: &Report) {
    let path = std::env::temp_dir().join(format!("signalbox-history-{}.txt", report.seed));
    let mut text = report.lines.join("\n");
    for violation in &report.violations {
        let _ = write!(text, "\nVIOLATION {violation}");
    }
    let kept = std::fs::write(&path, text);
    let seed = report.seed;
    println!("seed {seed} broke {} promises:", report.violations.len());
    for violation in report.violations.iter().take(5) {
        println!("  {violation}");
    }
    println!("  history: {} ({kept:?})", path.display());
    println!(
        "  again:   SIM_SEEDS={seed}..{} cargo test --profile quick -p tests --test simulation -- no_history --nocapture",
        seed + 1
    );
}
