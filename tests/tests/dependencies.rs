//! Licences, sources and bans of every dependency in the build, by the lists of `deny.toml`. `cargo deny` checks more; this
//! needs neither it nor a network, so that it runs with every `./check`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The registry that `unknown-registry = "deny"` leaves.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Packages that this machine builds, with dev-dependencies.
fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn rules() -> toml::Table {
    std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> BTreeSet<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_dependency_has_an_allowed_licence_and_source_and_is_not_banned() {
    let rules = rules();
    let allowed = texts(&rules["licenses"]["allow"]);
    let banned: Vec<&str> =
        rules["bans"]["deny"].as_array().unwrap().iter().map(|ban| ban["name"].as_str().unwrap()).collect();
    assert_eq!(rules["sources"]["unknown-registry"].as_str(), Some("deny"));
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    let mut wrong = Vec::new();
    for package in &packages {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        // A package without a source is part of this repository.
        let Some(source) = package["source"].as_str() else { continue };
        if source != REGISTRY {
            wrong.push(format!("{name} {version} comes from {source}, and not from {REGISTRY}"));
        }
        if banned.contains(&name) {
            wrong.push(format!("{name} {version} is banned by deny.toml"));
        }
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_allowed(licence, &allowed) {
            wrong.push(format!(
                "{name} {version} has the licence `{licence}`, which deny.toml does not allow"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether an expression of SPDX leaves a choice that needs only licences of the list.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let is_allowed = any(&words, &mut place, allowed);
    is_allowed && place == words.len()
}

fn any(words: &[&str], place: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut is_allowed = all(words, place, allowed);
    while words.get(*place) == Some(&"OR") {
        *place += 1;
        is_allowed |= all(words, place, allowed);
    }
    is_allowed
}

fn all(words: &[&str], place: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut is_allowed = one(words, place, allowed);
    while words.get(*place) == Some(&"AND") {
        *place += 1;
        is_allowed &= one(words, place, allowed);
    }
    is_allowed
}

fn one(words: &[&str], place: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.get(*place) else { return false };
    *place += 1;
    if *word == "(" {
        let is_allowed = any(words, place, allowed);
        *place += 1;
        return is_allowed;
    }
    if words.get(*place) != Some(&"WITH") {
        return allowed.contains(word);
    }
    let exception = words.get(*place + 1).copied().unwrap_or_default();
    *place += 2;
    allowed.contains(format!("{word} WITH {exception}").as_str())
}

#[test]
fn an_expression_needs_one_side_of_an_or_and_both_of_an_and() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for yes in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/GPL-3.0",
        "(GPL-3.0 OR MIT) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        "MIT OR ISC AND GPL-3.0",
    ] {
        assert!(is_allowed(yes, &allowed), "{yes}");
    }
    for no in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "GPL-3.0 OR (MIT AND GPL-2.0)", "MIT MIT", "(MIT"]
    {
        assert!(!is_allowed(no, &allowed), "{no}");
    }
}
