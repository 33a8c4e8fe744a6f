//! Reads a document's text as JSON, and finds the line and column of a JSON pointer.

use crate::finding::{self, Finding, Report, child};
use jsonc_parser::ast;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

/// Maximum size of a flow document in bytes, for the API, the command line and stored files alike.
pub const MAX_DOCUMENT_BYTES: usize = 2 * 1024 * 1024;

/// Reads `text` as strict JSON. If it returns `None`, the report contains the reason.
pub(crate) fn read(text: &str, report: &mut Report) -> Option<Value> {
    if text.len() > MAX_DOCUMENT_BYTES {
        let what = format!("The document has {} bytes, the limit is {MAX_DOCUMENT_BYTES}.", text.len());
        report.add(finding::OVERSIZE, "", what, "Move parts of it into subroutines.");
        return None;
    }
    match serde_json::from_str(text) {
        Ok(value) => {
            if let Some(root) = syntax_tree(text) {
                duplicate_keys(&root, "", report);
            }
            Some(value)
        }
        Err(error) => {
            let what = format!("The document is not JSON: {error}.");
            report.add(finding::SYNTAX, "", what, "Check the named place and the text just before it.");
            None
        }
    }
}

/// The document's JSON, if it is one.
pub(crate) fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|_| text.len() <= MAX_DOCUMENT_BYTES)
}

/// Sets the line and column of every finding in `text`.
pub(crate) fn locate(text: &str, findings: &mut [Finding]) {
    if findings.is_empty() || text.len() > MAX_DOCUMENT_BYTES {
        return;
    }
    let Some(root) = syntax_tree(text) else {
        return locate_syntax_error(text, findings);
    };
    let starts = line_starts(text);
    for finding in findings {
        let (line, column) = line_and_column(text, &starts, offset(&root, &finding.pointer));
        finding.line = line;
        finding.column = column;
    }
}

fn locate_syntax_error(text: &str, findings: &mut [Finding]) {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        for finding in findings {
            finding.line = u32::try_from(error.line()).unwrap_or(u32::MAX);
            finding.column = u32::try_from(error.column()).unwrap_or(u32::MAX).max(1);
        }
    }
}

fn syntax_tree(text: &str) -> Option<ast::Value<'_>> {
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    parse_to_ast(text, &CollectOptions::default(), &strict).ok()?.value
}

fn duplicate_keys(value: &ast::Value<'_>, pointer: &str, report: &mut Report) {
    match value {
        ast::Value::Object(object) => {
            let mut seen = std::collections::BTreeSet::new();
            for property in &object.properties {
                let at = child(pointer, property.name.as_str());
                if !seen.insert(property.name.as_str().to_owned()) {
                    let what = format!(
                        "The key `{}` occurs twice; only the last one would count.",
                        property.name.as_str()
                    );
                    report.add(finding::DUPLICATE_KEY, at.clone(), what, "Remove one of them.");
                }
                duplicate_keys(&property.value, &at, report);
            }
        }
        ast::Value::Array(array) => {
            for (index, element) in array.elements.iter().enumerate() {
                duplicate_keys(element, &format!("{pointer}/{index}"), report);
            }
        }
        _ => {}
    }
}

/// The start of the value at `pointer`, or at its longest prefix that exists.
fn offset(root: &ast::Value<'_>, pointer: &str) -> usize {
    let mut here = root;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        let next = match here {
            ast::Value::Object(object) => {
                object.properties.iter().rfind(|p| p.name.as_str() == key).map(|p| &p.value)
            }
            ast::Value::Array(array) => key.parse().ok().and_then(|index: usize| array.elements.get(index)),
            _ => None,
        };
        match next {
            Some(value) => here = value,
            None => break,
        }
    }
    jsonc_parser::common::Ranged::range(here).start
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

fn line_and_column(text: &str, starts: &[usize], offset: usize) -> (u32, u32) {
    let line = starts.partition_point(|start| *start <= offset).max(1);
    let column = text.get(starts[line - 1]..offset).map_or(0, |before| before.chars().count()) + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(text: &str, pointer: &str) -> (u32, u32) {
        let mut report = Report::default();
        report.add(finding::UNKNOWN_KEY, pointer, "", "");
        let mut findings = report.into_findings();
        locate(text, &mut findings);
        (findings[0].line, findings[0].column)
    }

    #[test]
    fn a_pointer_becomes_line_and_column_in_characters() {
        let text = "{\n  \"ä\": [1, \"ö\", {\"a/b\": 2}]\n}";
        assert_eq!(located(text, "/ä/1"), (2, 12));
        assert_eq!(located(text, "/ä/2/a~1b"), (2, 25));
        assert_eq!(located(text, "/ä/2/missing"), (2, 17));
        assert_eq!(located(text, ""), (1, 1));
    }

    #[test]
    fn the_longest_document_is_read_and_its_findings_have_a_place() {
        let text = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
        let found = |length: usize| crate::validate(&text(length)).remove(0);
        assert_eq!((found(MAX_DOCUMENT_BYTES).code.as_str(), found(MAX_DOCUMENT_BYTES).line), ("SBX0107", 1));
        let longer = MAX_DOCUMENT_BYTES + 1;
        assert_eq!(
            (found(longer).code.as_str(), found(longer).line),
            ("SBX0102", 0),
            "a document that is too long is not parsed"
        );
    }

    #[test]
    fn a_syntax_error_is_a_finding_with_its_place() {
        let mut report = Report::default();
        let text = "{\n  \"actions\": [,]\n}";
        assert!(read(text, &mut report).is_none());
        let mut findings = report.into_findings();
        locate(text, &mut findings);
        assert_eq!((findings[0].code.as_str(), findings[0].line, findings[0].column), ("SBX0101", 2, 15));
    }

    #[test]
    fn the_same_key_twice_is_an_error_at_any_depth() {
        let mut report = Report::default();
        read(r#"{"a": [{"b": 1, "b": 2}]}"#, &mut report);
        assert_eq!(report.into_findings()[0].pointer, "/a/0/b");
    }
}
