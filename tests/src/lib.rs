//! What every ring of tests shares.

pub mod carrier;
pub mod chaos;
pub mod ledger;
pub mod sim;
pub mod support;
