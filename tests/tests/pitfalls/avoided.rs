//! Names that must not occur in the sources of the adapters.

use std::path::{Path, PathBuf};

/// A name and the reason to avoid it.
const AVOIDED: &[(&str, &str)] = &[
    ("ConnectionManager", "it never retries a refused login and never leaves a silent connection"),
    ("ClusterClient", "it repeats a command up to 16 times, even if it may have run"),
    ("cluster_async", "it repeats a command up to 16 times, even if it may have run"),
    ("auto_recover", "it restores connections without their channels and consumers"),
    ("wait_for_confirms", "it waits for the last confirm only, and treats a nack as an ack"),
    ("cjson", "a script would parse input from outside"),
];

/// Files that publish what the broker has to return. One settles its messages together, the other waits for each.
const MANDATORY: [&str; 2] = ["amqp/publish/rejections.rs", "amqp/admin.rs"];

#[test]
fn only_two_files_publish_what_may_be_returned() {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let is_allowed = MANDATORY.iter().any(|name| file.ends_with(name));
        assert!(
            is_allowed || !text.contains("mandatory: true"),
            "{}: lapin attaches a returned message to the confirm that resolves next",
            file.display()
        );
    }
}

#[test]
fn avoided_names_do_not_occur() {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (name, reason) in AVOIDED {
            assert!(!text.contains(name), "{} names {name}: {reason}", file.display());
        }
    }
}

/// Redis starts a script without this line when memory is full, and stops it half way.
#[test]
fn every_script_begins_with_the_line_that_lets_redis_refuse_it_as_a_whole() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src/redis/scripts.rs");
    let text = std::fs::read_to_string(scripts).unwrap();
    assert_eq!(text.matches("Script::new(").count(), text.matches(r##""#!lua\n""##).count());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
