//! Seeded histories of the whole engine. A failing history is written to a file, with the command that repeats it.
//!
//! `SIM_SEEDS=from..to` selects the seeds; the default is 0..300.

use std::fmt::Write;
use std::path::Path;
use tests::sim::fault::Tally;
use tests::sim::promise::PromiseTally;
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
    let (mut tally, mut promises, mut moves, mut activeflows) =
        (Tally::default(), PromiseTally::default(), 0, 0);
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let report = play(seed);
        assert_is_busy(&report);
        tally.add(&report.tally);
        promises.add(&report.promises);
        moves += report.moves;
        activeflows += report.activeflows;
        if !report.promises.broken.is_empty() {
            failed.push(seed);
            print_failure(&report);
        }
        assert!(failed.len() < 5, "five histories broke a promise: {failed:?}");
    }
    println!(
        "{} histories, {activeflows} activeflows, {moves} moves, {} faults",
        seeds.clone().count(),
        tally.faults()
    );
    println!("occurrences of each fault:\n{tally}\nchecks of each promise:\n{promises}");
    assert!(failed.is_empty(), "histories that broke a promise: {failed:?}");
    if seeds.count() >= ENOUGH {
        assert!(tally.unhit().is_empty(), "faults that never occurred: {:?}", tally.unhit());
        assert!(
            promises.unchecked().is_empty(),
            "promises that were never checked: {:?}",
            promises.unchecked()
        );
    }
}

/// Number of histories in which every fault must occur and every promise must be checked.
const ENOUGH: usize = 300;

/// A history in which little happens proves little.
fn assert_is_busy(report: &Report) {
    let Report { seed, moves, activeflows, tally, .. } = report;
    let faults = tally.faults();
    assert!(
        *moves >= 300 && *activeflows >= 3 && faults >= 5,
        "the history of seed {seed} has {moves} moves, {activeflows} activeflows and {faults} faults"
    );
}

fn seeds() -> std::ops::Range<u64> {
    let chosen = std::env::var("SIM_SEEDS").unwrap_or_else(|_| "0..300".into());
    let range = chosen.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or_else(|| panic!("SIM_SEEDS is `{chosen}`; write it as 0..1000"))
}

/// Writes the history to a file and prints the broken promises.
fn print_failure(report: &Report) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{}.txt", report.seed));
    let mut text = report.lines.join("\n");
    for violation in &report.promises.broken {
        let _ = write!(text, "\nVIOLATION {violation}");
    }
    let written = std::fs::write(&path, text);
    let seed = report.seed;
    println!("seed {seed} broke {} promises:", report.promises.broken.len());
    for violation in report.promises.broken.iter().take(5) {
        println!("  {violation}");
    }
    println!("  history: {} ({written:?})", path.display());
    println!(
        "  repeat:  SIM_SEEDS={seed}..{} cargo test --profile quick --workspace --test simulation -- no_history --nocapture",
        seed + 1
    );
}
