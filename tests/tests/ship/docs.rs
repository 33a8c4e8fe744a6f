//! Runs every command of the documentation in order, page by page.

use crate::{blocks, repository, shell};

fn run(page: &str) {
    let blocks = blocks::of_page(page);
    if let Err(output) = shell::run(page, &blocks) {
        panic!("{output}");
    }
}

/// Pages in `folder` with shell blocks.
fn pages(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(repository(folder)).unwrap().map(|file| file.unwrap().file_name());
    let names = files.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
    let mut pages: Vec<String> = names.map(|name| format!("{folder}/{name}")).collect();
    pages.sort();
    pages.retain(|page| !blocks::of_page(page).is_empty());
    pages
}

#[test]
fn the_commands_of_the_readme_succeed() {
    run("README.md");
}

#[test]
fn the_commands_of_the_samples_page_succeed() {
    run("samples/README.md");
}

#[test]
fn the_commands_of_the_docs_succeed() {
    let pages = pages("docs");
    assert!(!pages.is_empty());
    pages.iter().for_each(|page| run(page));
}

#[test]
fn the_commands_of_the_deployment_page_succeed_or_are_skipped_with_a_reason() {
    run("deploy/README.md");
}
