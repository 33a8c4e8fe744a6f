//! The search for circles on small crates that are written for it.

use super::circles::circles;
use std::fs;
use tests::support::folder::Folder;

/// The circles of a crate with these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let src = Folder::new();
    for (name, text) in files {
        let path = src.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let prefix = format!("{}/", src.path().display());
    circles(src.path()).iter().map(|circle| circle.replace(&prefix, "")).collect()
}

#[test]
fn modules_that_use_each_other_are_a_circle() {
    let found = circles_of(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "use crate::b::B;\n\npub struct A(B);"),
        ("b.rs", "pub struct B;\npub fn b() {\n    let _ = super::c::c;\n    super::c::c();\n}"),
        ("c/mod.rs", "mod inner;\npub use inner::c;"),
        ("c/inner.rs", "pub fn c() -> Option<crate::a::A> { None }"),
    ]);
    let expected = "crate::a -> crate::b -> crate::c::inner -> crate::a (a circle among 3 modules)\n    \
        a.rs:1: crate::a uses crate::b (`crate::b::B`)\n    \
        b.rs:3: crate::b uses crate::c::inner (`super::c::c`)\n    \
        c/inner.rs:1: crate::c::inner uses crate::a (`crate::a::A`)";
    assert_eq!(found, [expected]);
}

#[test]
fn a_parent_and_a_child_that_use_each_other_are_a_circle() {
    let found = circles_of(&[
        ("main.rs", "mod child;\nstruct Context;\nfn main() {\n    child::run(&Context);\n}"),
        ("child.rs", "use super::Context;\npub fn run(_: &Context) {}"),
    ]);
    let expected = "crate -> crate::child -> crate (a circle among 2 modules)\n    \
        main.rs:4: crate uses crate::child (`child::run`)\n    \
        child.rs:1: crate::child uses crate (`super::Context`)";
    assert_eq!(found, [expected]);
}

#[test]
fn an_inline_module_and_names_behind_a_glob_can_be_in_a_circle() {
    let found = circles_of(&[
        (
            "lib.rs",
            "mod a;\nmod b {\n    pub use inner::*;\n    mod inner {\n        pub fn made() -> crate::a::A { crate::a::A }\n    }\n}",
        ),
        ("a.rs", "use crate::b;\npub struct A;\npub fn a() { b::made(); }"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("a.rs:3: crate::a uses crate::b::inner (`b::made`)"), "{found:?}");
    assert!(found[0].contains("lib.rs:5: crate::b::inner uses crate::a (`crate::a::A`)"), "{found:?}");
}

#[test]
fn declarations_reexports_tests_comments_and_literals_are_no_circle() {
    let found = circles_of(&[
        (
            "lib.rs",
            "//! [`crate::a::A`]\npub mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B, made};\npub const MAX: u32 = 1;",
        ),
        (
            "a.rs",
            "/// See [`crate::b::B`].\nuse crate::MAX;\n/* crate::b::B /* nested */ crate::b::B */\n\
             pub struct A<'a>(&'a str);\nconst TEXT: &str = r#\"crate::b::B \"quoted\" \"#;\n\
             const QUOTE: char = '\"';\nconst LIMIT: u32 = MAX;\nconst BYTES: &[u8] = b\"crate::b::B\";\n\
             #[cfg(test)]\nuse crate::{b::B, MAX as M};\n\
             #[cfg(test)]\nmod tests {\n    use crate::b::B;\n}\n",
        ),
        (
            "b.rs",
            "use super::A;\nuse ::a::a;\npub struct B(A<'static>);\npub fn made(made: u32) -> u32 { made }\n",
        ),
    ]);
    assert!(found.is_empty(), "{found:?}");
}
