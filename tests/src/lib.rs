

pub mod carrier;
pub mod ledger;
