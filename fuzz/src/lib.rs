//! Fuzzing from a seed, for the tests of the other crates. Stable Rust, no instrumentation.
//!
//! A target draws an input (`mutate.rs` changes known ones) and exercises it. Each input is drawn from its own seed, so
//! `FUZZ_SEED` repeats exactly one finding. The input of a finding is written to the folder of the target's corpus.
//! `FUZZ_SECONDS` runs longer than the rounds of CI. CONTRIBUTING.md shows how.

pub mod mutate;
mod rng;

pub use rng::Rng;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Half the stack of a worker: what is nested too deeply overflows here first.
const STACK_BYTES: usize = 1 << 20;
/// Maximum number of characters of an input in a message.
const SHOWN: usize = 2_000;

/// A parser under test, with the folder of its corpus.
pub struct Target {
    folder: PathBuf,
}

impl Target {
    /// `folder` is a path in the repository: `concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/events")`.
    pub fn new(folder: &str) -> Target {
        Target { folder: folder.into() }
    }

    /// The inputs in the folder, in the order of their names.
    pub fn corpus(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| fs::read(file).unwrap()).collect()
    }

    /// Exercises every input of the corpus.
    pub fn replay(&self, mut exercise: impl FnMut(&[u8]) + Send) {
        let corpus = self.corpus();
        on_small_stack(|| {
            for input in &corpus {
                let outcome = catch_unwind(AssertUnwindSafe(|| exercise(input)));
                if let Err(panic) = outcome {
                    println!("in {}: {}", self.folder.display(), shown(input));
                    resume_unwind(panic);
                }
            }
        });
    }

    /// Draws and exercises inputs: `rounds` of them, or for `FUZZ_SECONDS`.
    pub fn fuzz<I: AsRef<[u8]>>(
        &self,
        rounds: u64,
        mut draw: impl FnMut(&mut Rng) -> I + Send,
        mut exercise: impl FnMut(&I) + Send,
    ) {
        let seconds = setting("FUZZ_SECONDS").map(Duration::from_secs);
        let repeated = setting("FUZZ_SEED");
        let first = repeated.unwrap_or_else(|| if seconds.is_some() { std::process::id().into() } else { 7 });
        let rounds = if repeated.is_some() { 1 } else { rounds };
        // A stack overflow ends the process before it can be reported.
        let is_traced = std::env::var_os("FUZZ_TRACE").is_some();
        println!("first seed {first}");
        on_small_stack(|| {
            let began = Instant::now();
            let mut done = 0;
            while seconds.map_or(done < rounds, |limit| began.elapsed() < limit) {
                let seed = first.wrapping_add(done);
                if is_traced {
                    println!("FUZZ_SEED={seed}");
                }
                let input = draw(&mut Rng::new(seed));
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| exercise(&input))) {
                    self.report(seed, input.as_ref());
                    resume_unwind(panic);
                }
                done += 1;
            }
            println!("{done} inputs of {} in {:.0} s", self.folder.display(), began.elapsed().as_secs_f64());
        });
    }

    /// Writes the input of a finding to the corpus, so that every later run repeats it.
    fn report(&self, seed: u64, input: &[u8]) {
        let file = self.folder.join(format!("found-{seed}"));
        let kept = fs::create_dir_all(&self.folder).and_then(|()| fs::write(&file, input));
        let place = kept.map_or_else(|error| format!("not kept: {error}"), |()| file.display().to_string());
        println!("FUZZ_SEED={seed} repeats this input ({place}): {}", shown(input));
    }
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, expected a whole number")))
}

/// Runs on a thread with a small stack. A panic of `run` is passed on.
pub fn on_small_stack(run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).unwrap();
        if let Err(panic) = thread.join() {
            resume_unwind(panic);
        }
    });
}

fn shown(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let mut shown: String = text.escape_debug().take(SHOWN).collect();
    if shown.chars().count() == SHOWN {
        shown += " …";
    }
    format!("{} bytes: {shown}", input.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("signalbox-fuzz-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_finding_is_kept_and_repeated_by_the_corpus() {
        let folder = folder("kept");
        let target = Target::new(folder.to_str().unwrap());
        let is_wrong = |input: &[u8]| assert!(!input.starts_with(b"5"), "five");
        let drawn = AtomicU64::new(0);
        let draw = |_: &mut Rng| drawn.fetch_add(1, Ordering::SeqCst).to_string();
        let found =
            catch_unwind(AssertUnwindSafe(|| target.fuzz(100, draw, |input| is_wrong(input.as_bytes()))));
        assert!(found.is_err());
        assert_eq!(target.corpus(), [b"5"]);
        assert!(catch_unwind(AssertUnwindSafe(|| target.replay(is_wrong))).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_target_without_a_finding_ends_after_its_rounds() {
        let target = Target::new(folder("none").to_str().unwrap());
        let mut rounds = 0;
        target.fuzz(20, |rng| rng.below(9).to_string(), |_| rounds += 1);
        assert_eq!(rounds, 20);
        assert!(target.corpus().is_empty());
    }
}
