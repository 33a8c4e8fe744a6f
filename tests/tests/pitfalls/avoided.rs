//! What the adapters avoid stays avoided: names that their sources must not hold.

use std::path::{Path, PathBuf};

/// A name, and why it is avoided.
const AVOIDED: &[(&str, &str)] = &[
    ("ConnectionManager", "it stays with a refused login for good, and never leaves a silent connection"),
    ("ClusterClient", "it sends a command up to 16 times more, also after it may have run"),
    ("cluster_async", "it sends a command up to 16 times more, also after it may have run"),
    ("auto_recover", "it brings connections back without their channels and consumers"),
    ("wait_for_confirms", "it waits for the last confirm only, and takes a refusal for a yes"),
    ("mandatory", "lapin hands a returned message to whichever confirm resolves next"),
    ("cjson", "a script would read what came from outside"),
];

#[test]
fn what_is_avoided_is_not_named() {
    for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (name, reason) in AVOIDED {
            assert!(!text.contains(name), "{} names {name}: {reason}", file.display());
        }
    }
}

/// A script without this line runs into full memory half way.
#[test]
fn every_script_begins_with_the_line_that_has_it_refused_whole() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/src/redis/scripts.rs");
    let text = std::fs::read_to_string(scripts).unwrap();
    assert_eq!(text.matches("Script::new(").count(), text.matches(r##""#!lua\n""##).count());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
