//! Streams through the real router: over the model store with a real executor, and the embedded bus on a folder.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::allow_attributes, reason = "a test fails loudly")]

mod changes;
mod commands;
mod harness;
mod stream;
