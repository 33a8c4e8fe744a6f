//! Topic patterns as in AMQP: words separated by dots; `*` matches one word, `#` matches zero or more words.

pub fn matches(pattern: &str, key: &str) -> bool {
    let (pattern, key) = (words(pattern), words(key));
    let (mut p, mut k) = (0, 0);
    // Index of the last `#`, and index of the first word that it does not match yet.
    let mut last_hash = None;
    while k < key.len() {
        match pattern.get(p) {
            Some(&"#") => {
                last_hash = Some((p, k));
                p += 1;
            }
            Some(&word) if word == "*" || word == key[k] => {
                p += 1;
                k += 1;
            }
            _ => {
                let Some((hash, matched_to)) = last_hash else { return false };
                last_hash = Some((hash, matched_to + 1));
                p = hash + 1;
                k = matched_to + 1;
            }
        }
    }
    pattern[p..].iter().all(|word| *word == "#")
}

fn words(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.split('.').collect() }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_one_word_and_a_hash_any_number() {
        for (pattern, matching, other) in [
            ("call.talk", &["call.talk"][..], &["call", "call.talk.now", "calls.talk", ""][..]),
            ("call.*", &["call.talk", "call."], &["call", "call.a.b", "message.send"]),
            ("call.#", &["call", "call.talk", "call.a.b"], &["calls.a", "a.call", ""]),
            ("#", &["", "a", "a.b.c"], &[]),
            ("*", &["a"], &["", "a.b"]),
            ("#.end", &["end", "a.end", "end.end", "a.b.end"], &["end.a", "a"]),
            ("a.#.b.#.c", &["a.b.c", "a.x.b.y.c", "a.b.b.c.c"], &["a.c.b", "a.b", "a.b.c.d"]),
            ("*.#.*", &["a.b", "a.b.c"], &["a", ""]),
            ("#.#", &["", "a"], &[]),
            ("", &[""], &["a"]),
        ] {
            matching.iter().for_each(|key| assert!(matches(pattern, key), "`{pattern}` matches `{key}`"));
            other
                .iter()
                .for_each(|key| assert!(!matches(pattern, key), "`{pattern}` does not match `{key}`"));
        }
    }
}
