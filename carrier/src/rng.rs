//! Seeded random source: the same seed gives the same sequence.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    /// A source for one purpose: another `purpose` gives another sequence under the same seed.
    pub fn new(seed: u64, purpose: u64) -> Rng {
        let mut rng = fastrand::Rng::with_seed(seed ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407));
        Rng(rng.fork())
    }

    /// A number from `low` to below `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.u64(low..high.max(low + 1))
    }

    /// True with a probability of `percent` in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// One of several; `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.between(0, from.len() as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_another_purpose_does_not() {
        let numbers = |mut rng: Rng| (0..8).map(|_| rng.between(0, u64::MAX)).collect::<Vec<_>>();
        assert_eq!(numbers(Rng::new(7, 1)), numbers(Rng::new(7, 1)));
        assert_ne!(numbers(Rng::new(7, 1)), numbers(Rng::new(7, 2)));
    }
}
