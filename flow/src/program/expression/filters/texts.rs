//! Filters of texts.

use super::super::evaluator::{Evaluator, Fault, Operand, owned, wrong};
use super::super::filter::Arguments;
use super::super::values::{MAX_OUTPUT_BYTES, too_long};
use serde_json::Value;

type Outcome<'v> = Result<Operand<'v>, Fault>;

/// A text that was made from another one of `length` bytes, character by character.
fn made<'v>(evaluator: &mut Evaluator<'v, '_>, text: String) -> Outcome<'v> {
    evaluator.charge(text.len() * 2)?;
    if text.len() > MAX_OUTPUT_BYTES { Err(wrong(too_long())) } else { Ok(owned(text)) }
}

pub(super) fn lower<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    let text = e.text(&value)?.to_lowercase();
    made(e, text)
}

pub(super) fn upper<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    let text = e.text(&value)?.to_uppercase();
    made(e, text)
}

pub(super) fn capitalize<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    _: &Arguments<'v>,
) -> Outcome<'v> {
    let text = e.text(&value)?;
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let text = first + &chars.as_str().to_lowercase();
    made(e, text)
}

pub(super) fn title<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    let text = e.text(&value)?;
    let mut titled = String::with_capacity(text.len());
    let mut is_start = true;
    for c in text.chars() {
        if is_start {
            titled.extend(c.to_uppercase())
        } else {
            titled.extend(c.to_lowercase())
        }
        is_start = c.is_whitespace() || "-({[<".contains(c);
    }
    made(e, titled)
}

pub(super) fn string<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    if matches!(value.as_deref(), Some(Value::String(_))) {
        return Ok(value);
    }
    let text = e.text(&value)?.into_owned();
    made(e, text)
}

pub(super) fn tojson<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    let value = value.as_deref().unwrap_or(&Value::Null);
    e.size(value)?;
    let text = value.to_string();
    made(e, text)
}

pub(super) fn trim<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let text = e.text(&value)?;
    let trimmed = match arguments.text(0)? {
        None => text.trim(),
        Some(chars) => {
            let chars: Vec<char> = chars.chars().take(64).collect();
            e.charge(text.len() * chars.len() / 8)?;
            text.trim_matches(&chars[..])
        }
    };
    made(e, trimmed.to_owned())
}

pub(super) fn replace<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let text = e.text(&value)?;
    let (old, new) = (e.text(arguments.get(0))?, e.text(arguments.get(1))?);
    let most = arguments.count(2)?.unwrap_or(usize::MAX);
    e.charge(text.len() + old.len())?;
    let mut replaced = String::new();
    let mut from = 0;
    for (at, found) in text.match_indices(&*old).take(most) {
        e.push(&mut replaced, &text[from..at])?;
        e.push(&mut replaced, &new)?;
        from = at + found.len();
    }
    e.push(&mut replaced, &text[from..])?;
    Ok(owned(replaced))
}

pub(super) fn split<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let text = e.text(&value)?;
    let most = arguments.count(1)?.map_or(usize::MAX, |most| most.saturating_add(1));
    e.charge(text.len() / 2)?;
    let mut list = e.list();
    match arguments.text(0)? {
        Some("") => return Err(wrong("the filter `split` has an empty text to split at")),
        Some(at) => {
            for piece in text.splitn(most, at) {
                list.push(e, piece.into())?;
            }
        }
        None => {
            let mut rest = text.trim_start();
            let mut pieces = 1;
            while !rest.is_empty() {
                let end = rest.find(char::is_whitespace).filter(|_| pieces < most).unwrap_or(rest.len());
                list.push(e, rest[..end].into())?;
                rest = rest[end..].trim_start();
                pieces += 1;
            }
        }
    }
    Ok(list.done())
}

pub(super) fn lines<'v>(e: &mut Evaluator<'v, '_>, value: Operand<'v>, _: &Arguments<'v>) -> Outcome<'v> {
    let text = e.text(&value)?;
    let mut list = e.list();
    for line in text.lines() {
        list.push(e, line.into())?;
    }
    Ok(list.done())
}

/// Blanks before every line but the first.
pub(super) fn indent<'v>(
    e: &mut Evaluator<'v, '_>,
    value: Operand<'v>,
    arguments: &Arguments<'v>,
) -> Outcome<'v> {
    let text = e.text(&value)?;
    let width = arguments.count(0)?.unwrap_or(4);
    if width > MAX_OUTPUT_BYTES {
        return Err(wrong(too_long()));
    }
    let blanks = " ".repeat(width);
    let mut indented = String::new();
    for (number, line) in text.trim_end_matches(['\n', '\r']).split('\n').enumerate() {
        if number > 0 {
            e.push(&mut indented, "\n")?;
        }
        let is_blank = line.trim().is_empty();
        if (number > 0 || arguments.flag(1)) && (!is_blank || arguments.flag(2)) {
            e.push(&mut indented, &blanks)?;
        }
        e.push(&mut indented, line)?;
    }
    Ok(owned(indented))
}
