//! The compile half of an action: the properties that are known before the flow runs.

use super::expression::{RESERVED, Template, is_identifier};
use super::options::{Count, Data, Text};
use crate::finding::{self, Report, child};
use crate::limits;

/// The compile half of an action. Every method has a default, so an action implements only the exceptions.
pub(crate) trait Compile {
    /// Event types that the action consumes.
    fn hears(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether an input or time must pass before the cursor goes on.
    fn pauses(&self) -> bool {
        false
    }

    /// Whether the cursor can go on to the next action.
    fn passes(&self) -> bool {
        true
    }

    /// Other actions that the cursor can go to: the pointer below the options, and the action id.
    fn targets(&self) -> Vec<(String, &str)> {
        Vec::new()
    }

    /// The target of a jump that is limited to a number of times.
    fn counted_target(&self) -> Option<&str> {
        None
    }

    /// The subroutine that the action calls.
    fn calls(&self) -> Option<&str> {
        None
    }

    /// Variables of the flow that the action sets.
    fn sets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Expressions that the action reads besides the `${…}` in its options.
    fn reads(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The only trigger with which the action can receive anything.
    fn needs_trigger(&self) -> Option<&'static str> {
        None
    }

    /// Reports options outside their range, and combinations that make no sense.
    fn check(&self, _check: &mut OptionCheck<'_>) {}
}

/// Maximum of a duration option, in milliseconds: 30 days, the lifetime of an activeflow.
const MAX_DURATION_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Reports findings about the options of one action.
pub(crate) struct OptionCheck<'a> {
    pub(super) pointer: &'a str,
    pub(super) report: &'a mut Report,
}

impl OptionCheck<'_> {
    /// Reports an option outside its range.
    pub fn range(&mut self, key: &str, got: impl std::fmt::Display, expected: &str) {
        let what = format!("`{key}` is `{got}`, expected {expected}.");
        self.report.add(
            finding::OPTION_RANGE,
            child(self.pointer, key),
            what,
            "Choose a value within the range.",
        );
    }

    /// Checks a duration in milliseconds, from `least` to 30 days, if it is a fixed number.
    pub fn duration(&mut self, key: &str, value: Option<&Count>, least: u64) {
        if let Some(ms) = value.and_then(Count::fixed).filter(|ms| !(least..=MAX_DURATION_MS).contains(ms)) {
            self.range(key, ms, &format!("{least} to {MAX_DURATION_MS} milliseconds"));
        }
    }

    /// Checks a language tag (BCP 47), if it is a fixed text.
    pub fn language(&mut self, key: &str, language: Option<&Text>) {
        let Some(tag) = language.and_then(|language| language.0.literal()) else { return };
        if tag.is_empty() || is_language(tag) {
            return;
        }
        let proposal = tag.replace('_', "-");
        let help = match is_language(&proposal) {
            true => format!("Did you mean `{proposal}`?"),
            false => "Write a language, and perhaps a region: `en`, `en-US`, `pt-BR`.".to_owned(),
        };
        let what = format!("`{key}` is `{}`, which is no language tag.", shown(tag));
        self.report.add(finding::LANGUAGE, child(self.pointer, key), what, help);
    }

    /// Checks the value that a subroutine's result takes: a constant is hardly what was meant.
    pub fn result(&mut self, name: &str, value: &Data) {
        let Data::Plain(constant) = value else { return };
        let what = format!("The result `{name}` is always {}.", crate::json::shown(constant));
        let help = match constant.as_str().filter(|text| is_identifier(text)) {
            Some(text) => format!("Write `${{{text}}}` for the variable of the called flow."),
            None => "Write `${…}` with a variable of the called flow.".to_owned(),
        };
        let pointer = child(&child(self.pointer, "results"), name);
        self.report.add(finding::CONSTANT_RESULT, pointer, what, help);
    }

    /// Checks the name of a variable that the flow sets: an identifier that the engine does not reserve.
    pub fn variable(&mut self, key: &str, name: &str) {
        let first = name.split('.').next().unwrap_or_default();
        if !name.split('.').all(is_identifier) || name.split('.').count() > limits::NAME_PARTS {
            let most = limits::NAME_PARTS;
            let help = format!("Use letters, digits and `_`; up to {most} parts separated by dots.");
            self.report.add(
                finding::VARIABLE_NAME,
                child(self.pointer, key),
                format!("`{name}` cannot name a variable."),
                help,
            );
        } else if RESERVED.contains(&first) {
            let what = format!("`{name}` begins with `{first}`, which the engine sets.");
            self.report.add(finding::VARIABLE_NAME, child(self.pointer, key), what, "Choose another name.");
        }
    }
}

/// The languages with a code of two letters (ISO 639-1).
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de \
    dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it \
    iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd \
    ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su \
    sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Whether a text may be a language tag: a language that exists, then a script, a region and variants of the right form.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default().to_ascii_lowercase();
    let exists = match language.len() {
        2 => LANGUAGES.split_whitespace().any(|known| known == language),
        3 => language.chars().all(|c| c.is_ascii_lowercase()),
        _ => false,
    };
    exists
        && tag.len() <= 64
        && parts.all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()))
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::is_language;

    #[test]
    fn a_language_tag_begins_with_a_language_that_exists() {
        for tag in ["en", "en-US", "pt-BR", "zh-Hant-TW", "de-CH-1996", "cmn", "EN-us", "en-u-co-phonebk"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["english", "en_US", "xx", "xx-XX", "e", "", "en-", "en US", "en-toolongpart", "12", "ünd"]
        {
            assert!(!is_language(tag), "{tag}");
        }
    }
}
