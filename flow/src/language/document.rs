//! Converts a document's JSON to a [`Flow`]: top-level keys, trigger, actions and their options.
//!
//! A document with `schema` is read strictly. One without is treated as a voipbin document: missing ids are generated,
//! and unknown keys are warnings.

use super::quantity;
use super::reader::{RawAction, Reader};
use crate::class::Class;
use crate::finding::{self, Report, child, did_you_mean};
use crate::program::expression::{RESERVED, is_identifier};
use crate::program::{Flow, options};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The only version of the language so far.
pub const SCHEMA: &str = "signalbox.flow/v1";

/// Events that start flows; a star matches any name.
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
#[expect(dead_code, reason = "some keys are read only to check their names and types")]
pub(crate) struct Document {
    /// `signalbox.flow/v1`
    schema: Option<String>,
    id: Option<String>,
    name: Option<String>,
    /// Purpose of the flow.
    detail: Option<String>,
    /// `voice`, `chat`, `forms` or `service`; without it, derived from the trigger.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// `diagram` or `code`.
    editor: Option<String>,
    tags: Option<Vec<String>>,
    /// The event that starts the flow; without it, the flow is a subroutine.
    trigger: Option<Trigger>,
    /// What becomes of the call when a voice flow ends: `hangup`, the default, or `leave`.
    on_end: Option<OnEnd>,
    /// Variables and their initial values.
    variables: Option<Map<String, Value>>,
    #[schemars(with = "Option<Vec<RawAction>>")]
    actions: Option<Vec<Value>>,
    /// Conversations that the flow must pass.
    tests: Option<Value>,
    /// Positions in the diagram; the engine ignores them.
    layout: Option<Value>,
}

/// What becomes of the call at the end of a voice flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OnEnd {
    Hangup,
    Leave,
}

/// The event that starts a flow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Trigger {
    /// The event's type, for example `call.incoming`; `sim.*` and `custom.*` match every event of their family.
    event: String,
}

/// Reads a document. Returns no flow if an action cannot be read, but the report is complete.
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
            "Add a list of actions; it may be empty.",
        );
        return None;
    };
    if !quantity::is_within_limits(&actions, report) {
        return None;
    }
    let nodes = Reader { strict, unknown, report }.nodes(&actions)?;
    let leaves_line = document.on_end == Some(OnEnd::Leave);
    let mut flow = Flow::new(key, document.name.unwrap_or_default(), class, trigger, variables, nodes);
    flow.leaves_line = leaves_line;
    Some(flow)
}

/// Reports a document without a name. Only a document that is to be deployed needs one.
pub(crate) fn check_name(document: &Value, report: &mut Report) {
    let Some(fields) = document.as_object() else { return };
    let is_missing = match fields.get("name") {
        None | Some(Value::Null) => true,
        Some(name) => name.as_str().is_some_and(|name| name.trim().is_empty()),
    };
    if is_missing {
        let pointer = if fields.contains_key("name") { "/name" } else { "" };
        let help = "Add `\"name\": \"…\"` at its top; the name identifies the flow.";
        report.add(finding::MISSING_NAME, pointer, "The document has no `name`.", help);
    }
}

/// The document without the parts that the engine ignores.
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
    if let (Some(named), Some(of_trigger), Some(trigger)) = (named, of_trigger, trigger)
        && named != of_trigger
    {
        let what = format!(
            "The type is `{}`, but `{trigger}` starts flows of type `{}`.",
            named.name(),
            of_trigger.name()
        );
        report.add(finding::TRIGGER_TYPE, "/trigger/event", what, "Change the type or the trigger.");
    }
    named.or(of_trigger).unwrap_or(Class::Voice)
}

/// The type of flow that a trigger starts; `None` for an unknown trigger.
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
        if RESERVED.contains(&name.as_str()) {
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
