//! Seeded histories of the whole engine. A failing one prints the command that repeats it and keeps its history.
//!
//! `SIM_SEEDS=from..to` chooses the seeds; without it 300 are played.

use std::fmt::Write;
use std::path::Path;
use tests::sim::fault::Tally;
use tests::sim::promise::Kept;
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
    let (mut tally, mut promises, mut moves, mut activeflows) = (Tally::default(), Kept::default(), 0, 0);
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let report = play(seed);
        assert_is_worth_its_while(&report);
        tally.add(&report.tally);
        promises.add(&report.promises);
        moves += report.moves;
        activeflows += report.activeflows;
        if !report.promises.broken.is_empty() {
            failed.push(seed);
            tell(&report);
        }
        assert!(failed.len() < 5, "five histories broke a promise: {failed:?}");
    }
    println!(
        "{} histories, {activeflows} activeflows, {moves} moves, {} faults",
        seeds.clone().count(),
        tally.faults()
    );
    println!("how often each fault was met:\n{tally}\nhow often each promise was looked at:\n{promises}");
    assert!(failed.is_empty(), "these histories broke a promise: {failed:?}");
    if seeds.count() >= ENOUGH {
        assert!(tally.unhit().is_empty(), "never hit: {:?}", tally.unhit());
        assert!(promises.unseen().is_empty(), "never looked at: {:?}", promises.unseen());
    }
}

/// With so many histories, everything that can happen happens.
const ENOUGH: usize = 300;

fn assert_is_worth_its_while(report: &Report) {
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

/// Keeps the history where a person can read it, and prints what broke.
fn tell(report: &Report) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{}.txt", report.seed));
    let mut text = report.lines.join("\n");
    for violation in &report.promises.broken {
        let _ = write!(text, "\nVIOLATION {violation}");
    }
    let kept = std::fs::write(&path, text);
    let seed = report.seed;
    println!("seed {seed} broke {} promises:", report.promises.broken.len());
    for violation in report.promises.broken.iter().take(5) {
        println!("  {violation}");
    }
    println!("  history: {} ({kept:?})", path.display());
    println!(
        "  again:   SIM_SEEDS={seed}..{} cargo test --profile quick --workspace --test simulation -- no_history --nocapture",
        seed + 1
    );
}
