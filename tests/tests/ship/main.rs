//! Tests of everything that is shipped beside the binary: compose file, image, units, alert rules, and every command in the
//! documentation.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod blocks;
mod compose;
mod dockerfile;
mod docs;
mod findings;
mod gateway;
mod http;
mod prometheus;
mod services;
mod shell;
mod units;

use std::path::{Path, PathBuf};

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository");
    root.join(path)
}

pub fn read(path: &str) -> String {
    let path = repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()))
}
