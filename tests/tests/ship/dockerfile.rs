//! Checks of `deploy/Dockerfile` that need no Docker.

use crate::{read, repository};
use std::process::Command;
use tests::chaos::site::binary;

/// Instructions with their arguments. Continued lines are joined, comments are left out.
fn instructions() -> Vec<(String, String)> {
    let text = read("deploy/Dockerfile");
    let text: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = text.join("\n").replace("\\\n", " ");
    let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.trim().to_owned()));
    joined.lines().filter_map(pair).collect()
}

fn of(instruction: &str) -> Vec<String> {
    instructions().into_iter().filter(|(name, _)| name == instruction).map(|(_, rest)| rest).collect()
}

#[test]
fn copied_files_exist() {
    let copies: Vec<String> = of("COPY").into_iter().filter(|copy| !copy.starts_with("--from=")).collect();
    assert!(copies.len() > 5);
    for copy in copies {
        let mut paths: Vec<&str> = copy.split_whitespace().collect();
        paths.pop();
        for path in paths {
            assert!(repository(path).exists(), "COPY {copy}: {path} does not exist");
        }
    }
}

#[test]
fn the_layer_of_dependencies_has_the_manifest_of_every_crate() {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).expect("members");
    let members: Vec<&str> =
        members.trim_matches(['[', ']']).split(", ").map(|m| m.trim_matches('"')).collect();
    assert!(members.len() > 5);
    let copies = of("COPY");
    let made = of("RUN").into_iter().find(|run| run.contains("for crate in")).expect("the stand-ins");
    for member in members {
        let line = format!("{member}/Cargo.toml {member}/Cargo.toml");
        assert!(copies.contains(&line), "COPY {line} is missing");
        let named = made.split([' ', ';', '/']).any(|word| word == member);
        assert!(named, "nothing stands in for the sources of {member}");
    }
}

#[test]
fn the_images_have_versions_and_the_last_one_no_root() {
    let from = of("FROM");
    let toolchain = read("rust-toolchain.toml");
    let version =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert_eq!(from, [format!("rust:{version}-slim-bookworm AS build"), "debian:12-slim".to_owned()]);
    assert_eq!(of("USER").last().map(String::as_str), Some("10001"));
}

#[test]
fn the_image_runs_existing_commands() {
    assert_eq!(of("ENTRYPOINT"), [r#"["/usr/bin/signalbox"]"#]);
    let mut commands: Vec<String> = serde_json::from_str(&of("CMD")[0]).unwrap();
    let compose = crate::compose::Compose::open();
    for name in crate::compose::OURS {
        commands.extend(compose.service(name).texts("command").into_iter().map(str::to_owned));
    }
    for command in commands {
        let asked = Command::new(binary().unwrap()).args([&command, "--help"]).output().unwrap();
        assert!(asked.status.success(), "signalbox has no command {command}");
    }
}
