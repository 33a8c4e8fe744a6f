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
