//! Findings: errors and warnings about a flow document, with their place and a remedy.
//!
//! Every kind of finding has a stable code. The list below is complete, docs/findings.md shows it, and codes are never reused:
//! `01xx` is about the document, `02xx` about actions and options, `03xx` about the graph, `04xx` about expressions,
//! `05xx` about the flow's type and its subroutines (`SBX0506` was never given).

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One finding. `line` and `column` count from 1; both are 0 when the source text is not available.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable, for example `SBX0101`.
    pub code: String,
    pub severity: Severity,
    /// JSON pointer (RFC 6901) into the document.
    pub pointer: String,
    pub line: u32,
    pub column: u32,
    /// The problem, with the actual and the expected value.
    pub what: String,
    /// The remedy.
    pub help: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} at {}:{} ({}): {} {}",
            self.code, self.line, self.column, self.pointer, self.what, self.help
        )
    }
}

/// A kind of finding: its stable code, severity and title.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub code: &'static str,
    pub severity: Severity,
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $severity:ident $title:literal;)*) => {
        $(pub(crate) const $name: &Code = &Code { code: $code, severity: Severity::$severity, title: $title };)*
        /// Every kind of finding, in the order of its code.
        pub const CODES: &[&Code] = &[$($name),*];
    };
}

codes! {
    SYNTAX             "SBX0101" Error   "The document is not JSON.";
    OVERSIZE           "SBX0102" Error   "The document is over 2 MiB.";
    DUPLICATE_KEY      "SBX0103" Error   "An object has the same key twice.";
    SCHEMA_VERSION     "SBX0104" Error   "This schema version is unknown.";
    UNKNOWN_KEY        "SBX0105" Error   "This key is unknown here.";
    FOREIGN_KEY        "SBX0106" Warning "This key of another system's document means nothing here.";
    DOCUMENT_SHAPE     "SBX0107" Error   "A part of the document is missing or has the wrong type.";
    UNKNOWN_TRIGGER    "SBX0108" Error   "No such trigger event.";
    VARIABLE_NAME      "SBX0109" Error   "This is not a name that a variable can have.";
    MISSING_NAME       "SBX0110" Error   "The document has no name.";
    EXPRESSIONS        "SBX0111" Error   "The document has too many expressions.";
    UNKNOWN_ACTION     "SBX0201" Error   "No such action type.";
    UNKNOWN_OPTION     "SBX0202" Error   "The action has no such option.";
    OPTION_TYPE        "SBX0203" Error   "An option is missing or has the wrong type.";
    OPTION_RANGE       "SBX0204" Error   "An option is outside its range.";
    MISSING_ID         "SBX0205" Error   "The action has no id.";
    DUPLICATE_ID       "SBX0206" Error   "Two actions have the same id.";
    RESERVED_ID        "SBX0207" Error   "This id is reserved.";
    LANGUAGE           "SBX0208" Warning "This is not a language tag.";
    CONSTANT_RESULT    "SBX0209" Warning "A result is a constant, not a variable of the called flow.";
    UNKNOWN_TARGET     "SBX0301" Error   "The target does not exist.";
    UNREACHABLE        "SBX0302" Warning "Nothing leads to this action.";
    ENDLESS_LOOP       "SBX0303" Error   "A loop has no input, no limit and no way out.";
    UNPACED_LOOP       "SBX0304" Warning "A loop has no input and no limit.";
    EXPRESSION         "SBX0401" Error   "The expression cannot be read.";
    UNKNOWN_VARIABLE   "SBX0402" Error   "No such variable.";
    UNDECLARED         "SBX0403" Warning "A subroutine uses a variable that it does not declare.";
    ABSENT_CONTEXT     "SBX0404" Warning "The trigger never sets this variable.";
    UNKNOWN_FILTER     "SBX0405" Error   "No such filter, test or function.";
    UNKNOWN_FIELD      "SBX0406" Warning "This field is not one that Signalbox knows.";
    INCOMPARABLE       "SBX0407" Error   "A text is compared with a number.";
    FAMILY             "SBX0501" Error   "The action needs a call, and this flow has none.";
    TRIGGER_TYPE       "SBX0502" Error   "The trigger does not belong to the flow's type.";
    NEEDS_TRIGGER      "SBX0503" Error   "The action needs another trigger.";
    UNKNOWN_SUBROUTINE "SBX0504" Error   "The subroutine does not exist.";
    SUBROUTINE_CYCLE   "SBX0505" Error   "Subroutines call each other in a circle.";
}

/// Maximum number of errors, and of warnings, that one report contains.
const MAX_FINDINGS: usize = 1_000;

/// Maximum number of characters of each text of a finding.
const MAX_SENTENCE: usize = 1_000;

/// Collects findings by pointer; positions are added where the source is known.
#[derive(Default)]
pub(crate) struct Report {
    found: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

impl Report {
    pub fn add(
        &mut self,
        code: &Code,
        pointer: impl Into<String>,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        let count = match code.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count > MAX_FINDINGS {
            return;
        }
        self.found.push(Finding {
            code: code.code.to_owned(),
            severity: code.severity,
            pointer: pointer.into(),
            line: 0,
            column: 0,
            what: shortened(what.into()),
            help: shortened(help.into()),
        });
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether the report drops further errors, so that their help texts are not needed.
    pub fn is_full(&self) -> bool {
        self.errors >= MAX_FINDINGS
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.found
    }
}

/// The first thousand characters of a sentence that repeats text of the document.
fn shortened(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(MAX_SENTENCE) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// `/actions/2/option` + `target_ids` with the escapes of RFC 6901.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// `Did you mean `talk`?`, or the list of known names when none is similar.
pub(crate) fn did_you_mean<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    // A document can have very many ids; comparing them all would take too long.
    let known: Vec<&str> = known.into_iter().take(500).collect();
    match nearest(got, known.iter().copied()) {
        Some(name) => format!("Did you mean `{name}`?"),
        _ if known.is_empty() => "Nothing is allowed here.".to_owned(),
        _ => format!(
            "Known names: {}.",
            known.iter().take(40).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// The most similar of the known names, if one is similar: a third of the letters and one may differ.
pub(crate) fn nearest<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances =
        known.into_iter().map(|name| (distance(got, name), got.chars().next() != name.chars().next(), name));
    let (far, _, name) = distances.min()?;
    (far <= 1 + name.len() / 3).then_some(name)
}

/// Levenshtein distance of the first 64 characters, computed with one row.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().take(64).flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_in_order() {
        let codes: Vec<_> = CODES.iter().map(|kind| kind.code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_lists_what_is_known() {
        assert_eq!(did_you_mean("tlak", ["talk", "play"]), "Did you mean `talk`?");
        assert_eq!(did_you_mean("teleport", ["talk", "play"]), "Known names: `talk`, `play`.");
    }
    #[test]
    fn names_are_as_far_apart_as_letters_must_change() {
        for (a, b, far) in [
            ("", "", 0),
            ("talk", "Talk", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("alk", "talk", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
        // A third of the letters and one may differ.
        assert_eq!(did_you_mean("tabxyz", ["tablet"]), "Did you mean `tablet`?");
        assert_eq!(did_you_mean("taxyzw", ["tablet"]), "Known names: `tablet`.");
    }
    #[test]
    fn a_finding_repeats_no_more_than_a_thousand_characters_of_a_document() {
        let mut report = Report::default();
        for length in [1_000, 1_001] {
            report.add(SYNTAX, "", "ä".repeat(length), "");
        }
        let lengths: Vec<usize> =
            report.into_findings().iter().map(|finding| finding.what.chars().count()).collect();
        assert_eq!(lengths, [1_000, 1_001], "and an ellipsis");
    }
    #[test]
    fn a_thousand_errors_and_a_thousand_warnings_are_told() {
        let mut report = Report::default();
        for n in 0..MAX_FINDINGS {
            assert_eq!((report.has_errors(), report.is_full()), (n > 0, false));
            report.add(UNREACHABLE, "", "", "");
            report.add(SYNTAX, "", "", "");
        }
        for _ in 0..2 {
            assert!(report.is_full());
            report.add(UNREACHABLE, "", "", "");
            report.add(SYNTAX, "", "", "");
        }
        let found = report.into_findings();
        let of = |severity| found.iter().filter(|finding| finding.severity == severity).count();
        assert_eq!((of(Severity::Error), of(Severity::Warning)), (MAX_FINDINGS, MAX_FINDINGS));
    }
}
