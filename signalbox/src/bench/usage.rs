//! CPU time and memory of this process, as Linux counts them.

use std::fs;
use std::time::Duration;

/// Linux counts CPU in ticks of this length on every platform that we build for …
const TICK: Duration = Duration::from_millis(10);
/// … and memory in pages of this size.
const PAGE: u64 = 4_096;

/// CPU of all threads since the process started.
pub fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may contain anything.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 =
        behind.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Bytes of memory that are in RAM now.
pub fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_cpu_and_memory() {
        let begun = cpu();
        let mut sum = 0_u64;
        while cpu() == begun {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(resident() > 1 << 20);
    }
}
