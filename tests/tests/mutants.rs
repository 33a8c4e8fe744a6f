//! The mutants (`tests/mutants/*.patch`): each one applies to this tree and names existing tests, and `docs/mutants.md` lists
//! all of them. `./check mutants` runs the tests against each mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::sim::promise::Promise;

const PAGE: &str = "docs/mutants.md";
/// The part of the page before this line is written by hand.
const GENERATED: &str =
    "<!-- From here on written by UPDATE_DOCUMENTS=1 cargo test -p tests --test mutants -->\n";

struct Mutant {
    name: String,
    path: PathBuf,
    /// The keys and values before the diff.
    header: Vec<(String, String)>,
}

impl Mutant {
    fn read(path: PathBuf) -> Mutant {
        let text = fs::read_to_string(&path).unwrap();
        let header = text.lines().take_while(|line| !line.starts_with("diff --git"));
        let pair = |line: &str| {
            let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{path:?}: `{line}`"));
            (key.to_owned(), value.to_owned())
        };
        let header = header.map(pair).collect();
        Mutant { name: path.file_stem().unwrap().to_string_lossy().into_owned(), header, path }
    }

    fn all_of(&self, key: &str) -> impl Iterator<Item = &str> {
        self.header.iter().filter(move |pair| pair.0 == key).map(|pair| pair.1.as_str())
    }

    fn one(&self, key: &str) -> &str {
        self.all_of(key).next().unwrap_or_else(|| panic!("{} has no `{key}:`", self.name))
    }

    /// Target and name of each test that must fail, or must pass if the mutant is harmless.
    fn tests(&self) -> Vec<(&str, &str)> {
        let lines = self.all_of("killer").chain(self.all_of("passes"));
        lines.map(|line| line.split_once(' ').unwrap_or_else(|| panic!("{}: `{line}`", self.name))).collect()
    }

    /// Promises of the simulation that the mutant breaks.
    fn promises(&self) -> impl Iterator<Item = &str> {
        self.all_of("promises").flat_map(|line| line.split("; "))
    }
}

#[test]
fn every_mutant_has_a_complete_header() {
    for mutant in mutants() {
        let name = &mutant.name;
        assert!(!mutant.one("what").is_empty(), "{name}");
        let place = mutant.one("where");
        assert!(["script", "model", "core", "role", "adapter"].contains(&place), "{name}: where `{place}`");
        assert!(!mutant.tests().is_empty(), "{name} names no test");
        let harmless = mutant.all_of("safe").next().is_some();
        assert_eq!(harmless, mutant.all_of("killer").next().is_none(), "{name}: `safe:` goes with `passes:`");
    }
}

#[test]
fn every_mutant_applies_to_this_tree() {
    for mutant in mutants() {
        let mut git = Command::new("git");
        let output = git.current_dir(root()).args(["apply", "--check"]).arg(&mutant.path).output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} does not apply, update it: {why}", mutant.name);
    }
}

#[test]
fn every_test_that_a_mutant_names_exists() {
    let mut sources = BTreeMap::new();
    for mutant in mutants() {
        for (target, test) in mutant.tests() {
            let (package, _) =
                target.split_once('/').unwrap_or_else(|| panic!("{}: `{target}`", mutant.name));
            let source =
                sources.entry(package.to_owned()).or_insert_with(|| source_of(&root().join(package)));
            let function = format!("fn {}(", test.rsplit("::").next().unwrap());
            assert!(source.contains(&function), "{}: test {target} {test} does not exist", mutant.name);
        }
    }
}

#[test]
fn every_promise_of_the_simulation_is_broken_by_a_mutant() {
    let mutants = mutants();
    let broken: BTreeSet<&str> = mutants.iter().flat_map(Mutant::promises).collect();
    let promised: BTreeSet<&str> = Promise::ALL.iter().map(|promise| promise.name()).collect();
    assert_eq!(broken, promised);
}

#[test]
fn the_page_lists_every_mutant() {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (written, _) = page.split_once(GENERATED).expect("the page has the line before the generated part");
    let current = format!("{written}{GENERATED}\n{}", tables());
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, &current).unwrap();
    } else {
        assert!(
            page == current,
            "{PAGE} does not match the patches; run UPDATE_DOCUMENTS=1 cargo test -p tests --test mutants"
        );
    }
}

fn tables() -> String {
    let mutants = mutants();
    let mut text = "| mutant | where | what it breaks | tests that see it | promises that the simulation sees broken |\n\
        | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut broken: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mutant in &mutants {
        let tests: Vec<String> = mutant.tests().iter().map(|(target, test)| shown(target, test)).collect();
        let what = match mutant.all_of("safe").next() {
            Some(why) => format!("{}: harmless, {why}", mutant.one("what")),
            None => mutant.one("what").to_owned(),
        };
        let promises: Vec<&str> = mutant.promises().collect();
        let (name, place) = (&mutant.name, mutant.one("where"));
        writeln!(text, "| `{name}` | {place} | {what} | {} | {} |", tests.join("<br>"), promises.join("; "))
            .unwrap();
        promises.into_iter().for_each(|promise| {
            broken.entry(promise).or_default().insert(name);
        });
    }
    text += "\n## Promises of the simulation, and the mutants that broke them\n\n| promise | mutants |\n| --- | --- |\n";
    for (promise, names) in broken {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        writeln!(text, "| {promise} | {} |", names.join(", ")).unwrap();
    }
    text
}

fn shown(target: &str, test: &str) -> String {
    match target {
        "tests/simulation" => "simulation".to_owned(),
        _ => format!("{} `{test}`", target.trim_start_matches("tests/").trim_end_matches("/lib")),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn mutants() -> Vec<Mutant> {
    let folder = root().join("tests/mutants");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    paths.into_iter().map(Mutant::read).collect()
}

/// The text of all Rust files in `folder`.
fn source_of(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &source_of(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}
