//! The typed reader of `data`: the known fields of each event type. It converts what has one obvious meaning (a number
//! where a text is expected, blanks around digits, an empty text) and refuses the rest by its place. REST and dispatcher
//! share it. Fields that it does not know are left as they are.

use super::malformed::{Malformed, MalformedReason, malformed};
use super::normal_form;
use super::printable::is_deceptive;
use crate::json::shown;
use serde_json::{Map, Value, json};

/// Characters that a phone can send.
const DIGITS: &str = "0123456789*#ABCD";
/// Maximum length of a gateway's error code.
const MAX_CODE: usize = 64;

#[derive(Clone, Copy)]
enum Form {
    /// A text that is used as it is.
    Verbatim,
    /// A text without blanks around it.
    Text,
    /// The same, without characters that deceive readers, because it becomes part of an id or a name.
    Word,
    /// A phone number in its normal form.
    Number,
    Digits,
    /// A whole number from 0.
    Whole,
    CommandId,
    /// A gateway's error: an object with `code` and `message`, or one of the two.
    Error,
}

struct Field {
    name: &'static str,
    form: Form,
    required: bool,
}

const fn optional(name: &'static str, form: Form) -> Field {
    Field { name, form, required: false }
}

const fn required(name: &'static str, form: Form) -> Field {
    Field { name, form, required: true }
}

const FROM: Field = optional("from", Form::Number);
const TO: Field = optional("to", Form::Number);
const LEG: Field = optional("leg", Form::Text);

const CALL: &[Field] = &[FROM, TO, LEG, optional("direction", Form::Text), optional("reason", Form::Text)];
const CALL_DIGITS: &[Field] = &[required("digits", Form::Digits), LEG];
const MESSAGE: &[Field] = &[FROM, TO, optional("text", Form::Verbatim)];
const SIM: &[Field] = &[
    optional("period", Form::Word),
    optional("total_bytes", Form::Whole),
    optional("delta_bytes", Form::Whole),
];
const CONVERSATION: &[Field] = &[optional("channel", Form::Word), optional("text", Form::Verbatim)];
const FORM: &[Field] = &[optional("name", Form::Word)];
const JOB: &[Field] = &[optional("job", Form::Word)];
const CUSTOM: &[Field] = &[optional("reference_type", Form::Word)];
const COMMAND: &[Field] = &[required("command_id", Form::CommandId), optional("error", Form::Error)];

fn fields(kind: &str) -> &'static [Field] {
    let family = kind.split_once('.').map_or(kind, |(family, _)| family);
    match (family, kind) {
        (_, "call.digits") => CALL_DIGITS,
        ("call", _) => CALL,
        ("message", _) => MESSAGE,
        ("sim", _) => SIM,
        ("conversation", _) => CONVERSATION,
        ("form", _) => FORM,
        ("job", _) => JOB,
        ("custom", _) => CUSTOM,
        ("command", _) => COMMAND,
        _ => &[],
    }
}

/// Reads the known fields of an event of type `kind` and replaces them by their typed values.
///
/// # Errors
/// The first field that has no meaning, with its place, its value and what to send.
pub(super) fn read(kind: &str, data: &mut Map<String, Value>) -> Result<(), Malformed> {
    for field in fields(kind) {
        let given = data.remove(field.name).filter(|value| !value.is_null());
        let value = given.map(|value| field.form.read(&value).map_err(|expected| (value, expected)));
        match value.transpose() {
            Ok(Some(Some(value))) => {
                data.insert(field.name.to_owned(), value);
            }
            Ok(_) if field.required => {
                let message =
                    format!("`data.{}` of {kind} is missing; send {}", field.name, field.form.expected());
                return Err(malformed(MalformedReason::MissingField, message));
            }
            Ok(_) => {}
            Err((value, expected)) => {
                let message =
                    format!("`data.{}` of {kind} is {}; send {expected}", field.name, shown(&value));
                return Err(malformed(MalformedReason::InvalidData, message));
            }
        }
    }
    if kind == "sim.usage" && !data.contains_key("total_bytes") && !data.contains_key("delta_bytes") {
        let message = "`data.total_bytes` of sim.usage is missing; send `total_bytes` or `delta_bytes`";
        return Err(malformed(MalformedReason::MissingField, message.to_owned()));
    }
    Ok(())
}

impl Form {
    /// The typed value, or `None` for an empty text, which counts as absent.
    ///
    /// # Errors
    /// What to send instead.
    fn read(self, value: &Value) -> Result<Option<Value>, &'static str> {
        let refused = || self.expected();
        let present = |text: String| Ok((!text.is_empty()).then_some(Value::String(text)));
        match self {
            Form::Verbatim => scalar(value).map(|text| Some(Value::String(text))).ok_or_else(refused),
            Form::Text => present(trimmed(value).ok_or_else(refused)?),
            Form::Word => present(plain(value).ok_or_else(refused)?),
            Form::Number => present(normal_form::number(&plain(value).ok_or_else(refused)?)),
            Form::Digits => {
                let digits = trimmed(value).ok_or_else(refused)?.to_ascii_uppercase();
                if digits.chars().all(|digit| DIGITS.contains(digit)) {
                    present(digits)
                } else {
                    Err(refused())
                }
            }
            Form::Whole => match whole(value) {
                Some(number) => Ok(Some(json!(number))),
                None if trimmed(value).is_some_and(|text| text.is_empty()) => Ok(None),
                None => Err(refused()),
            },
            Form::CommandId => match value {
                Value::String(id) => present(normal_form::command_id(id)),
                _ => Err(refused()),
            },
            Form::Error => Ok(Some(error(value))),
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Form::Verbatim | Form::Text => "a text",
            Form::Word => "a text without control characters",
            Form::Number => "a number such as \"+15550100\"",
            Form::Digits => "one or more of 0123456789*#ABCD as a text, for example \"5\"",
            Form::Whole => "a whole number from 0",
            Form::CommandId => "the command's own id, `<activeflow id>:<sequence>`",
            Form::Error => "an error with `code` and `message`",
        }
    }
}

/// The text of a text, a number or a truth value.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn trimmed(value: &Value) -> Option<String> {
    scalar(value).map(|text| text.trim().to_owned())
}

fn plain(value: &Value) -> Option<String> {
    trimmed(value).filter(|text| !text.chars().any(is_deceptive))
}

fn whole(value: &Value) -> Option<u64> {
    let of_float = |number: f64| {
        (number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0).then_some(number as u64)
    };
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(of_float)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The error of a gateway in its one shape. Gateways send numeric codes, plain texts, and objects within objects.
fn error(value: &Value) -> Value {
    let is_code = |text: &str| {
        (1..=MAX_CODE).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    match value {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            for name in ["code", "message"] {
                if let Some(text) = fields.get(name).and_then(text_of) {
                    fields.insert(name.to_owned(), Value::String(text));
                }
            }
            Value::Object(fields)
        }
        value => {
            let text = trimmed(value).unwrap_or_else(|| value.to_string());
            let code = if is_code(&text) { text.as_str() } else { "command_failed" };
            json!({ "code": code, "message": text })
        }
    }
}

/// The text of a code or message: itself, the `text` of an object, or the JSON of anything else.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Object(fields) if fields.get("text").is_some_and(Value::is_string) => {
            fields.get("text").and_then(Value::as_str).map(str::to_owned)
        }
        value => Some(trimmed(value).unwrap_or_else(|| value.to_string())),
    }
}

#[cfg(test)]
mod tests;
