//! The layers of the workspace (ARCHITECTURE.md): which crate may depend on which, checked against `cargo metadata`, and no
//! circles among the modules of a crate.

#[path = "layers/circles.rs"]
mod circles;
#[path = "layers/modules.rs"]
mod modules;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/synthetic.rs"]
mod synthetic;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Each crate with the crates of this workspace that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("flow", &[]),
    ("common", &["flow"]),
    ("adapters", &["common", "flow"]),
    ("dispatcher", &["common", "flow"]),
    ("executor", &["common", "flow"]),
    ("scheduler", &["common", "flow"]),
    ("api", &["common", "flow"]),
    ("carrier", &["common", "flow"]),
    ("signalbox", &["flow", "common", "adapters", "dispatcher", "executor", "scheduler", "api", "carrier"]),
    ("fuzz", &[]),
    (
        "tests",
        &["flow", "common", "adapters", "dispatcher", "executor", "scheduler", "api", "carrier", "signalbox"],
    ),
];

/// Crates that do I/O: the roles and the core may not name them.
const IO: &[&str] = &["lapin", "redis", "deadpool-redis", "rusqlite", "axum", "reqwest", "sqlx", "hyper"];

/// Crates that the pure core may never use.
const NOT_IN_FLOW: &[&str] = &["tokio", "async-trait", "uuid", "tracing", "metrics", "rand", "futures-util"];

#[test]
fn no_crate_reaches_over_its_layer() {
    let used = dependencies();
    for (name, dependencies) in &used {
        let (_, allowed) = MAY_USE.iter().find(|row| row.0 == name).unwrap_or_else(|| {
            panic!("`{name}` is not in the table of layers: add it here and in ARCHITECTURE.md")
        });
        let ours = dependencies.iter().filter(|d| used.contains_key(*d));
        for dependency in ours {
            assert!(allowed.contains(&dependency.as_str()), "`{name}` must not depend on `{dependency}`");
        }
    }
}

#[test]
fn roles_and_the_core_do_no_io() {
    for (name, dependencies) in dependencies() {
        if ["adapters", "api", "carrier", "signalbox", "tests"].contains(&name.as_str()) {
            continue;
        }
        for io in IO {
            assert!(!dependencies.contains(*io), "`{name}` must not depend on `{io}`: that is for adapters");
        }
    }
}

#[test]
fn the_core_is_pure() {
    let flow = &dependencies()["flow"];
    for name in NOT_IN_FLOW {
        assert!(!flow.contains(*name), "`flow` must not depend on `{name}`");
    }
}

#[test]
fn no_modules_of_a_crate_need_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for (name, _) in MAY_USE.iter().filter(|(name, _)| *name != "tests") {
        let circles = circles::circles(&root.join(name).join("src"));
        found.extend(circles.iter().map(|circle| format!("{name}: {circle}")));
    }
    assert!(found.is_empty(), "{} circles of modules:\n{}", found.len(), found.join("\n"));
}

/// Ordinary dependencies of each crate of the workspace.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (package["name"].as_str().unwrap().to_string(), ordinary(package))).collect()
}

fn ordinary(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let ordinary = dependencies.filter(|dependency| dependency["kind"].is_null());
    ordinary.map(|dependency| dependency["name"].as_str().unwrap().to_string()).collect()
}
