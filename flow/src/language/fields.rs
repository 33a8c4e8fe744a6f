//! The fields of the roots that the engine sets, as far as Signalbox knows them.

use crate::finding::did_you_mean;
use crate::program::expression::Kind;
use Kind::{Number, Text, Unknown};

const FIELDS: &[(&str, &[(&str, Kind)])] = &[
    ("call", &[("id", Text), ("direction", Text), ("from", Text), ("to", Text), ("digits", Text)]),
    ("message", &[("from", Text), ("to", Text), ("text", Text)]),
    ("sim", &[("iccid", Text), ("period", Text), ("total_bytes", Number), ("delta_bytes", Number)]),
    (
        "event",
        &[
            ("id", Text),
            ("source", Text),
            ("type", Text),
            ("subject", Text),
            ("time", Text),
            ("data", Unknown),
        ],
    ),
    ("activeflow", &[("id", Text), ("reference_type", Text), ("reference_id", Text), ("started_at", Text)]),
    ("flow", &[("id", Text), ("name", Text)]),
    ("customer", &[("id", Text)]),
    ("error", &[("code", Text), ("message", Text), ("action_id", Text)]),
];

/// Results of actions that are always texts: action type and name.
const TEXT_RESULTS: &[(&str, &str)] = &[
    ("digits_receive", "digits"),
    ("message_receive", "from"),
    ("message_receive", "to"),
    ("message_receive", "text"),
    ("recording_start", "name"),
];

fn fields_of(root: &str) -> Option<&'static [(&'static str, Kind)]> {
    FIELDS.iter().find(|(name, _)| *name == root).map(|(_, fields)| *fields)
}

/// The kind of a path's value; `action_type` gives the type of an action by its id.
pub(super) fn kind<'a>(path: &[String], action_type: impl Fn(&str) -> Option<&'a str>) -> Kind {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        // Voipbin's names are aliases.
        ["voipbin", root @ ("call" | "message" | "activeflow"), name] | [root, name] => fields_of(root)
            .and_then(|fields| fields.iter().find(|(field, _)| field == name))
            .map_or(Unknown, |(_, kind)| *kind),
        ["actions", id, name] => match action_type(id) {
            Some(kind) if TEXT_RESULTS.contains(&(kind, name)) => Text,
            _ => Unknown,
        },
        _ => Unknown,
    }
}

/// What to do about a field that Signalbox does not know; `None` if it knows it. Other events of SIMs than usage reports
/// have fields of their own.
pub(super) fn unknown(path: &[String], trigger: Option<&str>) -> Option<String> {
    let (root, name) = (path.first()?, path.get(1)?);
    let fields = fields_of(root)?;
    let is_open = root == "sim" && trigger.is_some_and(|trigger| trigger != "sim.usage");
    if is_open || fields.iter().any(|(field, _)| field == name) {
        return None;
    }
    let known = did_you_mean(name, fields.iter().map(|(field, _)| *field));
    Some(match root.as_str() {
        "call" | "message" | "sim" => {
            format!(
                "{known} `event.data.{name}` reads what a gateway adds to the event that starts the flow."
            )
        }
        _ => known,
    })
}
