//! The contract suites: every promise of a port, tested on every adapter.

mod bus;
mod state_store;
