//! Settings of a chaos run, from the environment, with defaults small enough for every change.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug)]
pub struct Settings {
    /// `CHAOS_SEED`; drawn from the clock when not given.
    pub seed: u64,
    /// `CHAOS_CALLS`: at least so many; calls go on until the nemesis is through.
    pub calls: u64,
    /// `CHAOS_LIVE`: at most so many at the same time.
    pub live: usize,
    /// `CHAOS_RATE`: new calls per second.
    pub rate: u64,
    /// `CHAOS_KILLS`: of each process.
    pub kills: u32,
    /// `CHAOS_LIMIT`: seconds after which a run that hangs is given up.
    pub limit: Duration,
}

impl Settings {
    pub fn from_env() -> Settings {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Settings {
            seed: number("CHAOS_SEED", clock.as_millis() as u64 % 1_000_000_007),
            calls: number("CHAOS_CALLS", 3_000),
            live: number("CHAOS_LIVE", 1_500) as usize,
            rate: number("CHAOS_RATE", 150),
            kills: number("CHAOS_KILLS", 5) as u32,
            limit: Duration::from_secs(number("CHAOS_LIMIT", 1_800)),
        }
    }

    /// The command that runs the same again.
    pub fn repeat(&self) -> String {
        let Settings { seed, calls, live, rate, kills, .. } = self;
        format!(
            "CHAOS_SEED={seed} CHAOS_CALLS={calls} CHAOS_LIVE={live} CHAOS_RATE={rate} CHAOS_KILLS={kills} \
             cargo test -p tests --test faults --profile quick -- chaos"
        )
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.trim().parse().unwrap_or(default),
        Err(_) => default,
    }
}
