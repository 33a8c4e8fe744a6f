//! State store and bus without servers: the model in memory, one SQLite table behind it.

pub mod bus;
pub mod disk;

pub use bus::Bus;
