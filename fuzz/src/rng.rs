//! Seeded random source: the same seed gives the same sequence.

#[derive(Clone, Debug)]
pub struct Rng(fastrand::Rng);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(fastrand::Rng::with_seed(seed).fork())
    }

    pub fn any(&mut self) -> u64 {
        self.0.u64(..)
    }

    pub fn byte(&mut self) -> u8 {
        self.0.u8(..)
    }

    /// A number below `most`; 0 if there is none.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0.u64(..most.max(1))
    }

    /// An index below `length`; 0 if there is none.
    pub fn index(&mut self, length: usize) -> usize {
        self.0.usize(..length.max(1))
    }

    pub fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.index(from.len())]
    }

    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.index(most)).map(|_| self.byte()).collect()
    }
}
