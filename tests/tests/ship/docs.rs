//! Every command of the documentation, run in order, page by page.

use crate::{blocks, repository, shell};

fn run(page: &str) {
    let blocks = blocks::of_page(page);
    if let Err(said) = shell::run(page, &blocks) {
        panic!("{said}");
    }
}

/// Pages with blocks of shell, below `folder`.
fn pages(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(repository(folder)).unwrap().map(|file| file.unwrap().file_name());
    let names = files.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
    let mut pages: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    pages.sort();
    pages.retain(|page| !blocks::of_page(page).is_empty());
    pages
}

#[test]
fn the_commands_of_the_readme_do_what_they_say() {
    run("README.md");
}

#[test]
fn the_commands_of_the_samples_do_what_they_say() {
    run("samples/README.md");
}

#[test]
fn the_commands_of_the_docs_do_what_they_say() {
    let pages = pages("docs");
    assert!(!pages.is_empty());
    pages.iter().for_each(|page| run(page));
}

#[test]
fn the_commands_for_running_it_are_skipped_with_a_reason_or_run() {
    run("deploy/README.md");
}
