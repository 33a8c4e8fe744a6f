//! The contract suites: every promise of a port, kept by every adapter.

mod bus;
mod state_store;
