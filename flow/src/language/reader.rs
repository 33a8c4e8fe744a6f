//! Reads a document's list of actions: ids, types, options and successors.

use crate::actions;
use crate::finding::{self, Code, Report, did_you_mean};
use crate::json::shown;
use crate::program::options::{self, object_or_empty};
use crate::program::{NextNode, Node, OnError, ReservedId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One step of a flow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Action")]
#[expect(dead_code, reason = "`name` is only for display")]
pub(crate) struct RawAction {
    /// Unique in the flow.
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    option: Option<Value>,
    /// The next action; without it, the next one in the list.
    next_id: Option<String>,
    /// `stop`, `continue`, or the id of an action.
    on_error: Option<String>,
    name: Option<String>,
}

/// Reads the list of actions.
pub(crate) struct Reader<'a> {
    /// Whether the document names its schema.
    pub strict: bool,
    /// The code of a finding about an unknown key.
    pub unknown: &'static Code,
    pub report: &'a mut Report,
}

impl Reader<'_> {
    /// The nodes of all actions; `None` if one cannot be read.
    pub fn nodes(mut self, actions: &[Value]) -> Option<Vec<Node>> {
        let raw: Vec<Option<RawAction>> = actions
            .iter()
            .enumerate()
            .map(|(i, action)| {
                options::read(
                    action,
                    &format!("/actions/{i}"),
                    self.unknown,
                    finding::DOCUMENT_SHAPE,
                    self.report,
                )
            })
            .collect();
        let ids = self.ids(&raw);
        let positions: BTreeMap<&str, usize> =
            ids.iter().enumerate().rev().map(|(i, id)| (id.as_str(), i)).collect();
        let mut nodes = Vec::new();
        let count = raw.len();
        for (index, raw) in raw.into_iter().enumerate() {
            let Some(raw) = raw else { continue };
            let next = self.next(raw.next_id.as_deref(), index, count, &positions);
            if let Some(node) = self.node(raw, index, &ids[index], next) {
                self.targets(&node, &positions);
                nodes.push(node);
            }
        }
        (nodes.len() == count).then_some(nodes)
    }

    /// The id of every action: its own, or a generated one.
    fn ids(&mut self, raw: &[Option<RawAction>]) -> Vec<String> {
        let given = |action: &Option<RawAction>| {
            action.as_ref().and_then(|action| action.id.clone()).filter(|id| self.strict || !is_unset(id))
        };
        let given: Vec<Option<String>> = raw.iter().map(given).collect();
        let mut taken: BTreeSet<String> = given.iter().flatten().cloned().collect();
        let mut seen = BTreeSet::new();
        let mut ids = Vec::new();
        for (index, id) in given.into_iter().enumerate() {
            let pointer = format!("/actions/{index}");
            let id = match id {
                Some(id) => {
                    self.check_id(&id, !seen.insert(id.clone()), &pointer);
                    id
                }
                None => {
                    if self.strict && raw[index].is_some() {
                        self.report.add(
                            finding::MISSING_ID,
                            pointer,
                            "The action has no `id`.",
                            "Add an id that is unique in the flow.",
                        );
                    }
                    let mut number = index + 1;
                    while !taken.insert(format!("action-{number}")) {
                        number += raw.len();
                    }
                    format!("action-{number}")
                }
            };
            ids.push(id);
        }
        ids
    }

    fn check_id(&mut self, id: &str, duplicate: bool, pointer: &str) {
        let pointer = format!("{pointer}/id");
        if ReservedId::of(id).is_some() {
            self.report.add(
                finding::RESERVED_ID,
                pointer,
                format!("`{id}` is reserved."),
                "Choose another id.",
            );
        } else if id.is_empty() || id.len() > 128 {
            let what = format!("The id has {} bytes.", id.len());
            self.report.add(finding::MISSING_ID, pointer, what, "An id has 1 to 128 bytes.");
        } else if duplicate {
            let what = format!("Another action already has the id `{id}`.");
            self.report.add(finding::DUPLICATE_ID, pointer, what, "Change one of the ids.");
        }
    }

    fn next(
        &mut self,
        next_id: Option<&str>,
        index: usize,
        count: usize,
        positions: &BTreeMap<&str, usize>,
    ) -> NextNode {
        let following = if index + 1 < count { NextNode::Node(index + 1) } else { NextNode::Return };
        let Some(id) = next_id.filter(|id| !is_unset(id)) else { return following };
        match (ReservedId::of(id), positions.get(id)) {
            (Some(ReservedId::End), _) => NextNode::End,
            (Some(ReservedId::Start), _) => NextNode::Node(0),
            (Some(ReservedId::Finish), _) => NextNode::Return,
            (Some(ReservedId::Next), _) => following,
            (None, Some(position)) => NextNode::Node(*position),
            (None, None) => {
                self.unknown_target(format!("/actions/{index}/next_id"), id, positions);
                following
            }
        }
    }

    fn node(&mut self, raw: RawAction, index: usize, id: &str, next: NextNode) -> Option<Node> {
        let pointer = format!("/actions/{index}");
        let Some(kind) = actions::find(&raw.kind) else {
            let what = format!("There is no action type `{}`.", raw.kind);
            self.report.add(
                finding::UNKNOWN_ACTION,
                format!("{pointer}/type"),
                what,
                did_you_mean(&raw.kind, actions::names()),
            );
            return None;
        };
        let option = object_or_empty(raw.option);
        if !option.is_object() {
            let what = format!("The options are {}, expected an object.", shown(&option));
            self.report.add(finding::OPTION_TYPE, format!("{pointer}/option"), what, "Write `{ … }`.");
            return None;
        }
        let action = (kind.parse)(&option, &format!("{pointer}/option"), self.report)?;
        let on_error = raw.on_error.filter(|text| !text.is_empty()).map(|text| match text.as_str() {
            "stop" => OnError::Stop,
            "continue" => OnError::Continue,
            _ => OnError::Jump(text),
        });
        Some(Node { id: id.to_owned(), pointer, kind, action, option, next, on_error })
    }

    fn targets(&mut self, node: &Node, positions: &BTreeMap<&str, usize>) {
        let mut targets: Vec<(String, &str)> = node
            .action
            .targets()
            .into_iter()
            .map(|(pointer, target)| (format!("{}/option{pointer}", node.pointer), target))
            .collect();
        if let Some(OnError::Jump(target)) = &node.on_error {
            targets.push((format!("{}/on_error", node.pointer), target));
        }
        for (pointer, target) in targets {
            if ReservedId::of(target).is_none() && !positions.contains_key(target) {
                self.unknown_target(pointer, target, positions);
            }
        }
    }

    fn unknown_target(&mut self, pointer: String, target: &str, positions: &BTreeMap<&str, usize>) {
        if self.report.is_full() {
            return;
        }
        let help = did_you_mean(target, positions.keys().copied());
        self.report.add(finding::UNKNOWN_TARGET, pointer, format!("There is no action `{target}`."), help);
    }
}

/// Voipbin writes an unset id as an empty text or as the nil UUID.
fn is_unset(id: &str) -> bool {
    id.is_empty() || ReservedId::of(id) == Some(ReservedId::End)
}
