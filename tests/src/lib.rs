//! Code that the test targets share.

pub mod carrier;
pub mod chaos;
pub mod ledger;
pub mod rng;
pub mod sim;
pub mod support;
