//! Damaged folders, folders of earlier versions, and who may read a folder.

use super::bus::Event;
use super::check::check;
use super::disk::OpenError;
use super::salvage::salvage;
use super::{Folder, Settings, open};
use common::command::Message;
use common::ports::Bus as _;
use common::ports::commands::Commands;
use rusqlite::Connection;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    let dir =
        std::env::temp_dir().join(format!("signalbox-embedded-{name}-{}", uuid::Uuid::new_v4().simple()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn settings() -> Settings {
    Settings::new(4)
}

fn marker(number: u32) -> String {
    format!("body-{number:04}-").repeat(100)
}

/// A folder with 200 events and 200 commands, on many pages.
async fn filled(name: &str) -> PathBuf {
    let dir = folder(name);
    let Folder { bus, store, .. } = open(&dir, &settings()).unwrap();
    drop(bus.open("gateway", &["call.#".to_owned()], None).await.unwrap());
    for number in 0..200 {
        let event = Event { body: marker(number).into_bytes(), ..Event::default() };
        bus.offer(event).await.unwrap();
        let message = Message {
            id: format!("flow:{number}"),
            routing_key: "call.talk".into(),
            correlation_id: "flow".into(),
            reference: "call-1".into(),
            traceparent: None,
            body: marker(1_000 + number),
        };
        bus.publish(message).await.unwrap();
    }
    drop((bus, store));
    dir
}

/// Flips one bit in every place of the database file that has `text`. Pages that are not used any more have copies.
fn flip_in_file(dir: &Path, text: &str) {
    let path = dir.join("signalbox.db");
    let bytes = fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let places = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text.as_bytes());
    let flipped =
        places.map(|(at, _)| file.write_all_at(&[bytes[at + 2] ^ 1], at as u64 + 2).unwrap()).count();
    assert!(flipped > 0, "{text}");
}

fn refusal(dir: &Path) -> OpenError {
    match open(dir, &settings()) {
        Ok(_) => panic!("a damaged folder was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn every_flipped_byte_is_named_and_what_is_whole_can_be_salvaged() {
    let dir = filled("flipped").await;
    assert!(check(&dir, &settings()).unwrap().is_whole());
    flip_in_file(&dir, &marker(17));
    flip_in_file(&dir, &marker(1_003));
    let before = fs::read(dir.join("signalbox.db")).unwrap();
    let refused = refusal(&dir);
    let OpenError::Damaged { records, .. } = &refused else { panic!("{refused}") };
    let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
    assert_eq!(kinds, ["command 4 in command queue 1", "event 18 in signalbox.events"]);
    let said = refused.to_string();
    assert!(said.contains("table state, key x'6263") && said.contains("2 records"), "{said}");
    assert!(before == fs::read(dir.join("signalbox.db")).unwrap(), "nothing was changed");
    assert_eq!(check(&dir, &settings()).unwrap().damaged, *records);

    let to = folder("flipped-salvaged");
    let report = salvage(&dir, &to, &settings()).unwrap();
    assert_eq!(report.damaged, *records);
    let Folder { bus, store, .. } = open(&to, &settings()).unwrap();
    assert_eq!(bus.list()[0].commands, 199);
    drop((bus, store));
    let salvaged = check(&to, &settings()).unwrap();
    assert_eq!((salvaged.records, salvaged.is_whole()), (report.records, true));
    assert!(salvage(&dir, &to, &settings()).unwrap_err().to_string().contains("exists already"));
    for dir in [dir, to] {
        let _ = fs::remove_dir_all(&dir);
    }
}

#[tokio::test]
async fn a_destroyed_page_does_not_silence_the_records_on_the_others() {
    let dir = filled("page").await;
    let path = dir.join("signalbox.db");
    let bytes = fs::read(&path).unwrap();
    let marker = marker(60);
    let at = bytes.windows(marker.len()).position(|window| window == marker.as_bytes()).unwrap();
    let page = at / 8_192 * 8_192;
    File::options().write(true).open(&path).unwrap().write_all_at(&[0xff; 8_192], page as u64).unwrap();
    let refused = refusal(&dir);
    assert!(matches!(refused, OpenError::BrokenDatabase { .. }), "{refused}");
    let report = check(&dir, &settings()).unwrap();
    assert!(!report.database.is_empty() && report.records > 350, "{report:?}");
    let to = folder("page-salvaged");
    assert_eq!(salvage(&dir, &to, &settings()).unwrap().records, report.records);
    let Folder { bus, .. } = open(&to, &settings()).unwrap();
    assert_eq!(bus.list()[0].commands, 200, "the commands were on other pages");
    for dir in [dir, to] {
        let _ = fs::remove_dir_all(&dir);
    }
}

#[tokio::test]
async fn a_command_whose_queue_is_damaged_is_left_out_and_named() {
    let dir = filled("queue").await;
    flip_in_file(&dir, "\"name\":\"gateway\"");
    let to = folder("queue-salvaged");
    let report = salvage(&dir, &to, &settings()).unwrap();
    assert_eq!(report.damaged.len(), 201);
    assert!(report.damaged.iter().any(|record| record.kind == "command 200 in command queue 1"));
    assert!(open(&to, &settings()).unwrap().bus.list().is_empty());
    for dir in [dir, to] {
        let _ = fs::remove_dir_all(&dir);
    }
}

/// Turns the table into one that an earlier version wrote.
fn without_checksums(dir: &Path) {
    let table = Connection::open(dir.join("signalbox.db")).unwrap();
    table
        .execute_batch(
            "CREATE TABLE old (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
             INSERT INTO old SELECT key, value FROM state;
             DROP TABLE state;
             ALTER TABLE old RENAME TO state;",
        )
        .unwrap();
}

#[tokio::test]
async fn the_records_of_an_earlier_version_are_accepted_once_and_get_checksums() {
    let dir = filled("earlier").await;
    without_checksums(&dir);
    let report = check(&dir, &settings()).unwrap();
    assert_eq!((report.unsummed, report.is_whole()), (report.records, true));
    drop(open(&dir, &settings()).unwrap());
    let report = check(&dir, &settings()).unwrap();
    assert_eq!((report.unsummed, report.is_whole()), (0, true));
    flip_in_file(&dir, &marker(17));
    assert!(matches!(refusal(&dir), OpenError::Damaged { .. }));
    let _ = fs::remove_dir_all(&dir);
}

#[tokio::test]
async fn only_the_owner_can_read_the_folder() {
    let dir = filled("private").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(dir.join("signalbox.db"), Permissions::from_mode(0o644)).unwrap();
    let opened = open(&dir, &settings()).unwrap();
    opened.bus.offer(Event::default()).await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    for name in ["signalbox.db", "signalbox.db-wal", "signalbox.db-shm", "lock"] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    assert_eq!(check(&dir, &settings()).unwrap().damaged, [], "while a process uses the folder");
    let in_use = salvage(&dir, &folder("private-salvaged"), &settings()).unwrap_err();
    assert!(matches!(in_use, OpenError::InUse { .. }), "{in_use}");
    let _ = fs::remove_dir_all(&dir);
}
