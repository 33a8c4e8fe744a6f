use super::*;
use futures_util::FutureExt;
use std::fs;
use std::path::{Path, PathBuf};

fn put(key: &str, value: &str) -> Change {
    Change::Put { key: key.into(), value: value.into() }
}

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("signalbox-disk-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn open(dir: &Path) -> (Disk, Vec<(String, String)>) {
    let mut rows = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let disk = Disk::open(dir, |key, value| {
        rows.push((text(key), text(value)));
        Ok(())
    })
    .unwrap();
    (disk, rows)
}

#[tokio::test]
async fn confirmed_writes_survive_a_restart_and_a_range_delete_spares_later_writes() {
    let dir = folder("again");
    let (disk, rows) = open(&dir);
    assert_eq!(rows, []);
    disk.write([put("a1", "old"), put("a2", "old"), put("b", "kept")]).durable().await.unwrap();
    let range = Change::DeleteRange(b"a".to_vec()..b"b".to_vec());
    disk.write([put("a1", "older"), range, put("a2", "new"), Change::Delete { key: b"x".to_vec() }])
        .durable()
        .await
        .unwrap();
    disk.write([]).durable().await.unwrap();
    drop(disk);
    let (_disk, rows) = open(&dir);
    assert_eq!(rows, [("a2".into(), "new".into()), ("b".into(), "kept".into())]);
    let _ = fs::remove_dir_all(&dir);
}

/// A duplicate changes nothing, but its reply must wait for the original.
#[tokio::test]
async fn who_changed_nothing_waits_for_what_was_written_before() {
    let dir = folder("before");
    let (disk, _) = open(&dir);
    for n in 0..20 {
        let original = disk.write([put("a", &n.to_string())]);
        disk.write([]).durable().await.unwrap();
        assert_eq!(original.durable().now_or_never(), Some(Ok(())));
    }
    let _ = fs::remove_dir_all(&dir);
}

/// A task that still holds the folder at the end of the process must not keep the last writes in the write-ahead log.
#[tokio::test]
async fn a_closed_folder_has_everything_in_its_table_and_refuses_later_writes() {
    let dir = folder("closed");
    let (disk, _) = open(&dir);
    let pending = disk.write([put("a", "new")]);
    assert_eq!(disk.close(), Ok(()));
    assert_eq!(pending.durable().await, Ok(()));
    let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(files.iter().all(|file| !file.to_string_lossy().ends_with("-wal")), "{files:?}");
    let refused = disk.write([put("b", "late")]).durable().await.unwrap_err();
    assert_eq!(refused.to_string(), "the data folder does not take writes (it is closed)");
    assert_eq!(disk.close(), Ok(()));
    drop(disk);
    assert_eq!(open(&dir).1, [("a".into(), "new".into())]);
    let _ = fs::remove_dir_all(&dir);
}

#[test]
fn opening_a_folder_twice_names_the_process_that_uses_it() {
    let dir = folder("second");
    let (_disk, _) = open(&dir);
    let Err(refused) = Disk::open(&dir, |_, _| Ok(())) else { panic!("the folder was opened twice") };
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    let _ = fs::remove_dir_all(&dir);
}
