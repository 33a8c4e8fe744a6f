//! Checks of API keys: long enough, not easy to guess, and complete.

use super::private_file::must_be_private;
use super::settings::{Api, ApiKey};
use std::collections::BTreeMap;

/// Minimum length of a key, in characters.
const MIN_LENGTH: usize = 16;
/// Minimum number of different characters.
const MIN_DISTINCT: usize = 6;
const GENERATE: &str = "`openssl rand -hex 24` generates a key";
/// Words of which a key must not be made.
const WORDS: [&str; 36] = [
    "administrator",
    "bootstrap",
    "signalbox",
    "changeme",
    "password",
    "example",
    "welcome",
    "letmein",
    "default",
    "replace",
    "passwd",
    "secret",
    "please",
    "apikey",
    "qwertz",
    "qwerty",
    "bearer",
    "change",
    "insert",
    "sample",
    "admin",
    "token",
    "guest",
    "hello",
    "abc",
    "key",
    "api",
    "test",
    "demo",
    "root",
    "user",
    "this",
    "here",
    "your",
    "the",
    "my",
];

/// The reason why a key is easy to guess, and what to do.
pub fn weakness(key: &str) -> Option<String> {
    let length = key.chars().count();
    if length < MIN_LENGTH {
        return Some(format!("has {length} characters: write at least {MIN_LENGTH}; {GENERATE}"));
    }
    let distinct: std::collections::BTreeSet<char> = key.chars().collect();
    let why = if distinct.len() < MIN_DISTINCT {
        "repeats a few characters"
    } else if is_sequence(key) {
        "is a sequence of neighbouring characters"
    } else if is_made_of_words(key) {
        "is made of words that are tried first"
    } else {
        return None;
    };
    Some(format!("{why}: choose a random one; {GENERATE}"))
}

/// `0123456789abcdef`, `abcdefghijklmnop`
fn is_sequence(key: &str) -> bool {
    let codes: Vec<i64> = key.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = codes.windows(2).filter(|pair| (pair[1] - pair[0]).abs() <= 1).count();
    steps * 4 >= (codes.len() - 1) * 3
}

/// `changeme-changeme`, `My-Secret-API-Key-1`
fn is_made_of_words(key: &str) -> bool {
    let letters =
        key.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect::<String>();
    !letters.is_empty() && WORDS.iter().fold(letters, |rest, word| rest.replace(word, "")).is_empty()
}

/// Errors in the keys, one sentence each. None of them contains a key.
pub fn check(api: &Api) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, value) in [("api.key", &api.key), ("api.bootstrap_key", &api.bootstrap_key)] {
        wrong.extend(invalid_character(name, value));
    }
    if !api.bootstrap_key.is_empty() {
        wrong.extend(weakness(&api.bootstrap_key).map(|why| format!("api.bootstrap_key {why}")));
    }
    let mut known = BTreeMap::from([(api.bootstrap_key.as_str(), "api.bootstrap_key".to_owned())]);
    for (name, entry) in &api.keys {
        let name = format!("api.keys.{name}");
        wrong.extend(entry_errors(&name, entry));
        if !entry.key.is_empty()
            && let Some(other) = known.insert(&entry.key, name.clone())
        {
            wrong.push(format!(
                "{name} and {other} are the same key: the audit log could not tell them apart; {GENERATE}"
            ));
        }
    }
    wrong
}

fn entry_errors(name: &str, entry: &ApiKey) -> Vec<String> {
    let mut wrong = Vec::new();
    let short = name.rsplit('.').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || ['-', '_'].contains(&c);
    if short.is_empty() || short.len() > 64 || !short.chars().all(is_name) {
        wrong.push(format!("{name}: write a name of at most 64 letters, digits, `-` and `_`"));
    }
    match (&entry.key_file, entry.key.is_empty()) {
        (None, false) => {
            wrong.extend(invalid_character(&format!("{name}.key"), &entry.key));
            wrong.extend(weakness(&entry.key).map(|why| format!("{name}.key {why}")));
        }
        (Some(file), true) => {
            wrong.extend(must_be_private(file).err().map(|why| format!("{name}.key_file: {why}")))
        }
        _ => wrong.push(format!("{name} needs either `key` or `key_file`, the path of a file with the key")),
    }
    if api::Role::from_name(&entry.role).is_none() {
        wrong.push(format!("{name}.role is `{}`: write read, operate or admin", entry.role));
    }
    if entry.customer().is_err() {
        wrong
            .push(format!("{name}.customer is `{}`: write the id of a customer, or \"all\"", entry.customer));
    }
    wrong
}

fn invalid_character(name: &str, key: &str) -> Option<String> {
    let is_invalid = !key.chars().all(|c| c.is_ascii_graphic());
    is_invalid.then(|| {
        format!("{name} contains a space or a character outside ASCII, which an HTTP header cannot carry")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_easy_to_guess_is_refused() {
        for (key, expected) in [
            ("secret", "has 6 characters"),
            ("changemechangeme", "made of words"),
            ("CHANGE-ME-change-me-1", "made of words"),
            ("my-secret-api-key", "made of words"),
            ("signalbox-admin-2026", "made of words"),
            ("aaaaaaaaaaaaaaaaaaaa", "repeats"),
            ("abababababababababab", "repeats"),
            ("0123456789abcdef", "sequence"),
            ("abcdefghijklmnopqrst", "sequence"),
        ] {
            let why = weakness(key).unwrap_or_default();
            assert!(why.contains(expected) && why.contains("openssl rand"), "{key}: {why}");
        }
        for fine in ["9f1c2b7a4e8d0f6351bc7a9e", "a-key-of-the-administrator", "hunter2-hunter2-hunter2"] {
            assert_eq!(weakness(fine), None, "{fine}");
        }
    }
}
