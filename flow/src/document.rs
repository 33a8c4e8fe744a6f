//! From a document's JSON to a [`Flow`]: top-level keys, trigger, actions and their options.
//!
//! A document with `schema` is read strictly. One without is taken for one of voipbin's: ids that are missing are made
//! up, and keys that mean nothing here are warnings.

use crate::Class;
use crate::actions;
use crate::expression::is_identifier;
use crate::finding::{self, Code, Report, child, did_you_mean, shown};
use crate::options::{self, object_or_empty};
use crate::program::{Flow, Node, OnError, Onward, Reserved};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The only version of the language so far.
pub const SCHEMA: &str = "signalbox.flow/v1";

/// Events that start flows; a star stands for any further name.
pub const TRIGGERS: &[&str] = &[
    "call.incoming",
    "call.outgoing",
    "message.received",
    "conversation.message",
    "form.requested",
    "job.due",
    "sim.*",
    "custom.*",
];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "some keys are read so that they are known and have the right type, no more")]
pub(crate) struct Document {
    /// `signalbox.flow/v1`
    schema: Option<String>,
    id: Option<String>,
    name: Option<String>,
    /// What the flow is for.
    detail: Option<String>,
    /// `voice`, `chat`, `forms` or `service`; without it, what the trigger says.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `diagram` or `code`.
    editor: Option<String>,
    tags: Option<Vec<String>>,
    /// The event that starts the flow; without it, the flow is a subroutine.
    trigger: Option<Trigger>,
    /// Variables and their first values.
    variables: Option<Map<String, Value>>,
    #[schemars(with = "Option<Vec<RawAction>>")]
    actions: Option<Vec<Value>>,
    /// Conversations that the flow must pass.
    tests: Option<Value>,
    /// Positions in the diagram; mean nothing to the engine.
    layout: Option<Value>,
}

/// What starts a flow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Trigger {
    /// The event's type, for example `call.incoming`; `sim.*` and `custom.*` stand for their families.
    event: String,
}

/// One step of a flow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Action")]
#[expect(dead_code, reason = "`name` is for people")]
struct RawAction {
    /// Unique in the flow.
    id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    option: Option<Value>,
    /// Where to go on; without it, the next action in the list.
    next_id: Option<String>,
    /// `stop`, `continue`, or the id of an action.
    on_error: Option<String>,
    name: Option<String>,
}

/// Reads a document. With an action that cannot be read there is no flow, but the report is complete.
pub(crate) fn read(key: &str, value: &Value, report: &mut Report) -> Option<Flow> {
    let strict = value.get("schema").is_some_and(|schema| !schema.is_null());
    let unknown = if strict { finding::UNKNOWN_KEY } else { finding::FOREIGN_KEY };
    let document: Document = options::read(value, "", unknown, finding::DOCUMENT_SHAPE, report)?;
    if let Some(schema) = document.schema.filter(|schema| schema != SCHEMA) {
        let what = format!("The schema is `{schema}`, this version reads `{SCHEMA}`.");
        report.add(finding::SCHEMA_VERSION, "/schema", what, "Change it, or use a newer Signalbox.");
        return None;
    }
    let trigger = document.trigger.map(|trigger| trigger.event);
    let class = class(document.kind.as_deref(), trigger.as_deref(), strict, report);
    let variables = document.variables.unwrap_or_default();
    variable_names(&variables, report);
    let Some(actions) = document.actions else {
        report.add(
            finding::DOCUMENT_SHAPE,
            "",
            "The document has no `actions`.",
            "Give it a list of actions; it may be empty.",
        );
        return None;
    };
    let nodes = Reader { strict, unknown, report }.nodes(&actions)?;
    Some(Flow::new(key, document.name.unwrap_or_default(), class, trigger, variables, nodes))
}

/// The document without what means nothing to the engine.
pub(crate) fn for_the_engine(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("layout");
        fields.remove("tests");
    }
    document
}

fn class(kind: Option<&str>, trigger: Option<&str>, strict: bool, report: &mut Report) -> Class {
    let of_trigger = trigger.and_then(|trigger| {
        let of = class_of(trigger);
        if of.is_none() {
            report.add(
                finding::UNKNOWN_TRIGGER,
                "/trigger/event",
                format!("No event `{trigger}` starts flows."),
                did_you_mean(trigger, TRIGGERS.iter().copied()),
            );
        }
        of
    });
    let named = match kind {
        None => None,
        Some("voice") => Some(Class::Voice),
        Some("chat") => Some(Class::Chat),
        Some("forms") => Some(Class::Forms),
        Some("service") => Some(Class::Service),
        Some(other) => {
            let code = if strict { finding::DOCUMENT_SHAPE } else { finding::FOREIGN_KEY };
            report.add(
                code,
                "/type",
                format!("`{other}` is not a type of flow."),
                did_you_mean(other, ["voice", "chat", "forms", "service"]),
            );
            None
        }
    };
    if let (Some(named), Some(of_trigger), Some(trigger)) = (named, of_trigger, trigger) {
        if named != of_trigger {
            let what = format!(
                "The type is `{}`, but `{trigger}` starts flows of type `{}`.",
                name_of(named),
                name_of(of_trigger)
            );
            report.add(finding::TRIGGER_TYPE, "/trigger/event", what, "Change the type or the trigger.");
        }
    }
    named.or(of_trigger).unwrap_or(Class::Voice)
}

fn name_of(class: Class) -> &'static str {
    match class {
        Class::Voice => "voice",
        Class::Chat => "chat",
        Class::Forms => "forms",
        Class::Service => "service",
    }
}

/// The type of flow that a trigger starts; `None` for one that is not in the catalogue.
fn class_of(trigger: &str) -> Option<Class> {
    let known = TRIGGERS.iter().any(|known| match known.strip_suffix('*') {
        Some(prefix) => trigger.len() > prefix.len() && trigger.starts_with(prefix),
        None => trigger == *known,
    });
    let (family, _) = trigger.split_once('.').filter(|_| known)?;
    Some(match family {
        "call" => Class::Voice,
        "message" | "conversation" => Class::Chat,
        "form" => Class::Forms,
        _ => Class::Service,
    })
}

fn variable_names(variables: &Map<String, Value>, report: &mut Report) {
    for name in variables.keys() {
        let pointer = child("/variables", name);
        if crate::context::RESERVED.contains(&name.as_str()) {
            report.add(
                finding::VARIABLE_NAME,
                pointer,
                format!("`{name}` is set by the engine."),
                "Choose another name.",
            );
        } else if !is_identifier(name) {
            report.add(
                finding::VARIABLE_NAME,
                pointer,
                format!("`{name}` cannot name a variable."),
                "Use letters, digits and `_`.",
            );
        }
    }
}

/// Reads the list of actions.
struct Reader<'a> {
    strict: bool,
    unknown: &'static Code,
    report: &'a mut Report,
}

impl Reader<'_> {
    fn nodes(mut self, actions: &[Value]) -> Option<Vec<Node>> {
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

    /// The id of every action: its own, or one that is made up.
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
                    self.judge_id(&id, !seen.insert(id.clone()), &pointer);
                    id
                }
                None => {
                    if self.strict && raw[index].is_some() {
                        self.report.add(
                            finding::MISSING_ID,
                            pointer,
                            "The action has no `id`.",
                            "Give it a name that is unique in the flow.",
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

    fn judge_id(&mut self, id: &str, again: bool, pointer: &str) {
        let pointer = format!("{pointer}/id");
        if Onward::reserved(id).is_some() {
            self.report.add(
                finding::RESERVED_ID,
                pointer,
                format!("`{id}` is reserved."),
                "Choose another id.",
            );
        } else if id.is_empty() || id.len() > 128 {
            let what = format!("The id has {} bytes.", id.len());
            self.report.add(finding::MISSING_ID, pointer, what, "An id has 1 to 128 bytes.");
        } else if again {
            let what = format!("Another action has the id `{id}` already.");
            self.report.add(finding::DUPLICATE_ID, pointer, what, "Give one of them another id.");
        }
    }

    fn next(
        &mut self,
        next_id: Option<&str>,
        index: usize,
        count: usize,
        positions: &BTreeMap<&str, usize>,
    ) -> Onward {
        let following = if index + 1 < count { Onward::Node(index + 1) } else { Onward::Leave };
        let Some(id) = next_id.filter(|id| !is_unset(id)) else { return following };
        match (Onward::reserved(id), positions.get(id)) {
            (Some(Reserved::Halt), _) => Onward::Halt,
            (Some(Reserved::Start), _) => Onward::Node(0),
            (Some(Reserved::Finish), _) => Onward::Leave,
            (Some(Reserved::Next), _) => following,
            (None, Some(position)) => Onward::Node(*position),
            (None, None) => {
                self.unknown_target(format!("/actions/{index}/next_id"), id, positions);
                following
            }
        }
    }

    fn node(&mut self, raw: RawAction, index: usize, id: &str, next: Onward) -> Option<Node> {
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
        Some(Node { id: id.to_owned(), pointer, kind, action, next, on_error })
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
            if Onward::reserved(target).is_none() && !positions.contains_key(target) {
                self.unknown_target(pointer, target, positions);
            }
        }
    }

    fn unknown_target(&mut self, pointer: String, target: &str, positions: &BTreeMap<&str, usize>) {
        let help = did_you_mean(target, positions.keys().copied());
        self.report.add(finding::UNKNOWN_TARGET, pointer, format!("There is no action `{target}`."), help);
    }
}

/// Voipbin writes an id that is not set as an empty text or as the nil UUID.
fn is_unset(id: &str) -> bool {
    id.is_empty() || Onward::reserved(id) == Some(Reserved::Halt)
}
