//! Checks of `log.level`. The logging library takes an unknown word for the name of a target.

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The error of a level, in one sentence.
pub fn wrong(text: &str) -> Option<String> {
    let problem = text.split(',').map(str::trim).find_map(part_problem)?;
    Some(format!(
        "log.level is `{text}`: {problem}; write error, warn, info, debug or trace, or levels per target: \"info,adapters=debug\""
    ))
}

fn part_problem(part: &str) -> Option<String> {
    let (target, level) = match part.split_once('=') {
        Some((target, level)) => (Some(target), level),
        None => (None, part),
    };
    let is_target = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || ['_', ':', '-'].contains(&c))
    };
    if let Some(target) = target.filter(|target| !is_target(target)) {
        return Some(format!("`{target}` is not the name of a target"));
    }
    if LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
        return None;
    }
    let near =
        LEVELS.iter().map(|known| (strsim::damerau_levenshtein(known, &level.to_lowercase()), known)).min();
    let proposal = match near {
        Some((far, known)) if far <= 2 => format!(", did you mean {known}?"),
        _ => String::new(),
    };
    Some(format!("`{level}` is not a level{proposal}"))
}

#[cfg(test)]
mod tests {
    use super::wrong;

    #[test]
    fn a_level_is_a_known_word_for_everything_or_for_a_target() {
        for fine in ["info", "WARN", "off", "info,adapters=debug", "warn, signalbox::http=trace,audit=off"] {
            assert_eq!(wrong(fine), None, "{fine}");
        }
        for (text, expected) in [
            ("inof", "`inof` is not a level, did you mean info?"),
            ("verbose", "`verbose` is not a level;"),
            ("", "`` is not a level"),
            ("info,", "`` is not a level"),
            ("info,adapters", "`adapters` is not a level"),
            ("adapters=debgu", "did you mean debug?"),
            ("info,=debug", "`` is not the name of a target"),
            ("info,[span]=debug", "`[span]` is not the name"),
            ("3", "`3` is not a level"),
        ] {
            let why = wrong(text).unwrap_or_default();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
