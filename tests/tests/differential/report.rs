//! Readable output of a failing history.

use common::identity::hex;

const SHOWN: usize = 900;
/// Number of lines before and after the first difference.
const AROUND: usize = 6;

/// Debug text in which lists of bytes are shown as text, cut to a maximum length.
pub fn readable(debug: &str) -> String {
    let mut text = String::new();
    let mut rest = debug;
    while let Some((before, behind)) = rest.split_once('[') {
        text.push_str(before);
        let list = behind.split_once(']').and_then(|(list, behind)| Some((bytes(list)?, behind)));
        rest = match list {
            Some((bytes, behind)) => {
                text.push_str(&shown(&bytes));
                behind
            }
            None => {
                text.push('[');
                behind
            }
        };
    }
    cut(&(text + rest), SHOWN)
}

fn bytes(list: &str) -> Option<Vec<u8>> {
    list.split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(|number| number.parse().ok())
        .collect()
}

fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => "[]".into(),
        Ok(text) if !text.contains(|letter: char| letter.is_ascii_control()) => {
            format!("b{:?}", cut(text.trim_end(), 40))
        }
        _ => format!("x{}", hex(&bytes[..bytes.len().min(4)])),
    }
}

fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.into(),
    }
}

/// The lines of each answer around the first difference.
pub fn parts_that_differ(answers: &[(&str, String)]) -> String {
    let lines: Vec<Vec<&str>> = answers.iter().map(|answer| answer.1.lines().collect()).collect();
    let same = |at: usize| lines.iter().all(|of| of.get(at).is_some() && of.get(at) == lines[0].get(at));
    let first = (0..).take_while(|at| same(*at)).count();
    let mut text = String::new();
    for ((name, _), of) in answers.iter().zip(&lines) {
        let part: Vec<&str> =
            of.iter().skip(first.saturating_sub(AROUND)).take(2 * AROUND).copied().collect();
        text.push_str(&format!("  {name:>8}:  {}\n", cut(&part.join("\n             "), SHOWN)));
    }
    text
}
