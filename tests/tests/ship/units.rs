//! The systemd units: their settings exist, and systemd accepts them if it is installed.

use crate::{read, repository};
use std::process::Command;
use tests::chaos::site::binary;
use tests::support::process::Folder;

const UNITS: [&str; 3] = ["signalbox@.service", "signalbox-migrate.service", "signalbox-serve.service"];

fn lines<'a>(unit: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

#[test]
fn units_start_existing_commands_with_existing_settings() {
    for name in UNITS {
        let unit = read(&format!("deploy/systemd/{name}"));
        let start = lines(&unit, "ExecStart").next().expect("ExecStart");
        let role = start.strip_prefix("/usr/bin/signalbox ").expect(start);
        if role != "%i" {
            let asked = Command::new(binary().unwrap()).args([role, "--help"]).output().unwrap();
            assert!(asked.status.success(), "{name}: signalbox has no command {role}");
        }
        let settings: Vec<(&str, &str)> =
            lines(&unit, "Environment").filter_map(|set| set.split_once('=')).collect();
        let mut check = Command::new(binary().unwrap());
        check.env_clear().args(["config", "show"]);
        let folder = Folder::new("unit");
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for (key, value) in settings {
            let is_file = key == "SIGNALBOX_CONFIG" || key.ends_with("_FILE");
            check
                .env(key, if is_file { file.display().to_string() } else { value.replace("%S", "/var/lib") });
        }
        let checked = check.output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
}

#[test]
fn every_unit_is_confined_alike() {
    const CONFINED: [&str; 12] = [
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "MemoryDenyWriteExecute=yes",
        "SystemCallFilter=@system-service",
        "CapabilityBoundingSet=",
        "UMask=0077",
        "LimitCORE=0",
        "TasksMax=200",
    ];
    for name in UNITS {
        let unit = read(&format!("deploy/systemd/{name}"));
        for line in CONFINED {
            assert!(unit.lines().any(|found| found == line), "{name}: {line} is missing");
        }
    }
}

/// Another user of the machine could have made the file before.
#[test]
fn no_script_uses_a_predictable_name_in_a_shared_folder() {
    for script in ["check", "demo", "deploy/make-secrets", "tests/campaign", "tests/mutants/run"] {
        let text = read(script);
        assert!(!text.contains("/tmp/"), "{script}");
    }
}

#[test]
fn systemd_understands_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not installed");
        return;
    }
    // systemd-analyze checks that the program exists, so the built binary replaces /usr/bin/signalbox.
    let folder = Folder::new("units");
    let program = binary().unwrap().display().to_string();
    for name in UNITS {
        let unit = read(&format!("deploy/systemd/{name}")).replace("/usr/bin/signalbox", &program);
        let path = folder.path().join(name.replace("@.", "@executor."));
        std::fs::write(&path, unit).unwrap();
        let said = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&path).output().unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && !text.contains(name), "{name}: {text}");
    }
    assert!(repository("deploy/systemd").exists());
}
