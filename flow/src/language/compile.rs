//! Compiles a bundle: the main flow and every subroutine that it can call.

use super::{document, lint, source};
use crate::finding::{self, Finding, Report, Severity, did_you_mean};
use crate::format::FormatError;
use crate::program::{Bundle, FORMAT, Flow, OLDEST_FORMAT, StoredBundle};
use serde_json::Value;
use std::collections::BTreeMap;

impl Bundle {
    /// Compiles `main` (its flow id and document text) with the documents of `subroutines` (by flow id and by name).
    ///
    /// # Errors
    /// All findings of severity error, those of the main document first.
    pub fn compile(
        main: (&str, &str),
        subroutines: &BTreeMap<String, String>,
    ) -> Result<Bundle, Vec<Finding>> {
        let (id, text) = main;
        let (compiled, mut findings) = read_one(id, text, None);
        let mut closure = Closure {
            texts: subroutines,
            main: compiled.as_ref(),
            flows: BTreeMap::new(),
            findings: Vec::new(),
        };
        if let Some((flow, _)) = &compiled {
            let mut report = Report::default();
            closure.add_calls_of(flow, &mut vec![id.to_owned()], &mut report);
            let mut calls = report.into_findings();
            source::locate(text, &mut calls);
            findings.extend(calls);
        }
        findings.append(&mut closure.findings);
        findings.retain(|finding| finding.severity == Severity::Error);
        let flows = closure.flows;
        match compiled {
            Some((flow, document)) if findings.is_empty() => {
                let (flows, subroutines) = flows
                    .into_iter()
                    .map(|(key, (flow, document))| ((key.clone(), flow), (key, document)))
                    .unzip();
                Ok(Bundle::assemble(
                    flow,
                    flows,
                    &StoredBundle { main: id.to_owned(), document, subroutines },
                ))
            }
            _ => Err(findings),
        }
    }

    /// # Errors
    /// The bytes were not made by [`Bundle::to_bytes`], or have a newer format than this binary reads.
    pub fn from_bytes(bytes: &[u8]) -> Result<Bundle, FormatError> {
        let stored = stored(bytes)?;
        let main = stored_flow(&stored.main, &stored.document)?;
        let flows =
            stored.subroutines.iter().map(|(key, document)| Ok((key.clone(), stored_flow(key, document)?)));
        let flows = flows.collect::<Result<BTreeMap<_, _>, FormatError>>()?;
        Ok(Bundle::assemble(main, flows, &stored).with_bytes(bytes))
    }

    /// The main flow's document in a bundle's bytes. Compiles nothing, so that it can be read and replaced even if this
    /// version cannot compile it.
    ///
    /// # Errors
    /// As [`Bundle::from_bytes`].
    pub fn document_in(bytes: &[u8]) -> Result<Value, FormatError> {
        Ok(stored(bytes)?.document)
    }
}

fn stored(bytes: &[u8]) -> Result<StoredBundle, FormatError> {
    let (format, json) =
        bytes.split_first().ok_or_else(|| FormatError::damaged("the bundle has no bytes"))?;
    FormatError::check("the bundle", u32::from(*format), OLDEST_FORMAT.into()..=FORMAT.into())?;
    serde_json::from_slice(json)
        .map_err(|e| FormatError::damaged(format_args!("the bundle's bytes cannot be read: {e}")))
}

/// The flows that a document calls, by id or name. Compiles nothing, and knows nothing of what is no document.
pub fn calls(text: &str) -> Vec<String> {
    // Most flows call none, and need not be parsed to know it.
    let document = if text.contains("flow_id") { source::parsed(text) } else { None };
    let actions = document.as_ref().and_then(|document| document.get("actions")).and_then(Value::as_array);
    let called =
        actions.into_iter().flatten().filter_map(|action| action.get("option")?.get("flow_id")?.as_str());
    called.map(str::to_owned).collect()
}

/// All findings about one document, including warnings. Does not look up subroutines.
pub fn validate(text: &str) -> Vec<Finding> {
    let (_, mut findings) = read_one("", text, None);
    let mut report = Report::default();
    if let Some(document) = source::parsed(text) {
        document::check_name(&document, &mut report);
    }
    let mut nameless = report.into_findings();
    source::locate(text, &mut nameless);
    findings.append(&mut nameless);
    findings
}

fn stored_flow(key: &str, document: &Value) -> Result<Flow, FormatError> {
    let mut report = Report::default();
    let flow = document::read(key, document, &mut report);
    flow.ok_or_else(|| match report.into_findings().first() {
        Some(finding) => {
            FormatError::damaged(format_args!("the bundle's flow `{key}` cannot be read: {finding}"))
        }
        None => FormatError::damaged(format_args!("the bundle's flow `{key}` cannot be read")),
    })
}

/// Reads and checks one document. Returns a flow despite some errors, so that further checks can run.
fn read_one(key: &str, text: &str, main_trigger: Option<&str>) -> (Option<(Flow, Value)>, Vec<Finding>) {
    let mut report = Report::default();
    let compiled = source::read(text, &mut report).and_then(|document| {
        let flow = document::read(key, &document, &mut report)?;
        lint::check(&flow, &document, main_trigger.or(flow.trigger.as_deref()), &mut report);
        Some((flow, document::for_the_engine(document)))
    });
    let mut findings = report.into_findings();
    source::locate(text, &mut findings);
    (compiled, findings)
}

/// Maximum depth of calls that the compiler follows. The limit at run time is lower.
const MAX_DEPTH: usize = 64;

/// Collects every flow that the main flow can reach by calls.
struct Closure<'a> {
    texts: &'a BTreeMap<String, String>,
    main: Option<&'a (Flow, Value)>,
    flows: BTreeMap<String, (Flow, Value)>,
    findings: Vec<Finding>,
}

impl Closure<'_> {
    /// `path` is the chain of calls down to `flow`; `report` is about `flow`'s document.
    fn add_calls_of(&mut self, flow: &Flow, path: &mut Vec<String>, report: &mut Report) {
        for node in &flow.nodes {
            let Some(called) = node.action.calls() else { continue };
            let pointer = format!("{}/option/flow_id", node.pointer);
            if path.iter().any(|key| key == called)
                || self.main.is_some_and(|(main, _)| main.name == called && !called.is_empty())
            {
                let what =
                    format!("`{called}` calls itself through other flows: {} → {called}.", path.join(" → "));
                report.add(finding::SUBROUTINE_CYCLE, pointer, what, "Use `goto` within one flow instead.");
            } else if path.len() > MAX_DEPTH {
                let what = format!("`{called}` is called more than {MAX_DEPTH} flows deep.");
                report.add(
                    finding::SUBROUTINE_CYCLE,
                    pointer,
                    what,
                    "The limit at run time is 32; nest fewer flows.",
                );
            } else if !self.texts.contains_key(called) {
                let help = match self.texts.is_empty() {
                    true => "Deploy that flow first; no other flow is deployed yet.".to_owned(),
                    false => {
                        let known = did_you_mean(called, self.texts.keys().map(String::as_str));
                        format!("Deploy that flow first, or name one that is deployed. {known}")
                    }
                };
                report.add(
                    finding::UNKNOWN_SUBROUTINE,
                    pointer,
                    format!("There is no flow `{called}` to call."),
                    help,
                );
            } else {
                self.add(called, path);
            }
        }
    }

    fn add(&mut self, key: &str, path: &mut Vec<String>) {
        if self.flows.contains_key(key) {
            return;
        }
        let Some(text) = self.texts.get(key) else { return };
        let trigger = self.main.and_then(|(main, _)| main.trigger.clone());
        let (compiled, mut findings) = read_one(key, text, trigger.as_deref());
        if let Some((flow, document)) = compiled {
            let mut report = Report::default();
            path.push(key.to_owned());
            self.add_calls_of(&flow, path, &mut report);
            path.pop();
            let mut calls = report.into_findings();
            source::locate(text, &mut calls);
            findings.extend(calls);
            self.flows.insert(key.to_owned(), (flow, document));
        }
        for finding in &mut findings {
            finding.what = format!("In the subroutine `{key}`: {}", finding.what);
        }
        self.findings.append(&mut findings);
    }
}
