//! Shared code of all kinds of tests.

pub mod carrier;
pub mod chaos;
pub mod ledger;
pub mod rng;
pub mod sim;
pub mod support;
