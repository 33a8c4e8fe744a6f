//! Addressees of events, and routes. Dispatcher, executor and API share these rules.

use super::event::{Event, MAX_ATTRIBUTE_BYTES, similar_type};
use super::normal_form::subject_part;
use crate::json::shown;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The real-world object that an activeflow belongs to: a call, a conversation, a SIM …
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    pub realm: String,
    pub kind: String,
    pub subject: String,
}

/// Kinds of references that start one activeflow only: each object happens once. Conversations and SIMs start many.
const SINGLE_USE: [&str; 3] = ["call", "form", "job"];

/// Whether a reference of this kind starts one activeflow only.
pub fn is_single_use(kind: &str) -> bool {
    SINGLE_USE.contains(&kind)
}

/// The address that routes match: `call=+15550111` is kind `call`, value `+15550111`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub kind: String,
    pub value: String,
}

/// Addressee of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// `command.*`: the activeflow that sent the command, by `data.command_id`.
    Command { activeflow_id: String, sequence: u32 },
    /// Everything else: the owner of a reference, or the flow that the address starts.
    /// `reference.subject` is empty when the event names none; the code that derives ids then fills it.
    Reference { reference: Reference, address: Option<Address> },
}

/// When a route or trigger is active: from (inclusive) and until (exclusive), by the event's own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_until: Option<Timestamp>,
}

/// A transition of a route's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowTransition {
    Activated,
    Expired,
}

impl WindowTransition {
    pub fn name(self) -> &'static str {
        match self {
            WindowTransition::Activated => "activated",
            WindowTransition::Expired => "expired",
        }
    }
}

impl std::fmt::Display for WindowTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Binds addresses to a flow. `pattern` is an exact address, a prefix (`+1555*`) or `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// `<kind>=<pattern>`, unique with its window's start.
    pub id: String,
    pub kind: String,
    pub pattern: String,
    pub flow_id: String,
    pub customer_id: String,
    #[serde(default)]
    pub priority: i32,
    #[serde(flatten)]
    pub window: Window,
    /// Time of deletion. The route stays published for 7 days, so that late events are routed by their own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
}

impl Window {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.active_from.is_none_or(|from| from <= at) && self.active_until.is_none_or(|until| at < until)
    }

    /// The transitions of the window, in order; an open end has none.
    pub fn transitions(&self) -> Vec<(WindowTransition, Timestamp)> {
        let from = self.active_from.map(|at| (WindowTransition::Activated, at));
        let until = self.active_until.map(|at| (WindowTransition::Expired, at));
        from.into_iter().chain(until).collect()
    }
}

impl Route {
    /// Whether the route matches `address` at `at`.
    pub fn takes(&self, address: &Address, at: Timestamp) -> bool {
        self.kind == address.kind && self.precision(&address.value).is_some() && self.is_active(at)
    }

    /// Whether the route is within its window and not deleted.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.window.contains(at) && self.closed_at.is_none_or(|closed| at < closed)
    }

    /// The transitions of its window up to its deletion.
    pub fn transitions(&self) -> Vec<(WindowTransition, Timestamp)> {
        let lives = |at: &Timestamp| self.closed_at.is_none_or(|closed| *at < closed);
        self.window.transitions().into_iter().filter(|(_, at)| lives(at)).collect()
    }

    /// Precision of the match: exact before prefixes, longer prefixes before shorter ones. `None` without a match.
    pub(crate) fn precision(&self, value: &str) -> Option<(bool, usize)> {
        match self.pattern.strip_suffix('*') {
            Some(prefix) => value.starts_with(prefix).then_some((false, prefix.len())),
            None => (self.pattern == value).then_some((true, self.pattern.len())),
        }
    }
}

/// The addressee of `event` within `realm`.
///
/// # Errors
/// A sentence that names the missing or wrong field, its value and what to send instead.
pub fn addressee(event: &Event, realm: &str) -> Result<Addressee, String> {
    let family = event.kind.split_once('.').map_or(event.kind.as_str(), |(family, _)| family);
    let (kind, subject, address) = match (family, event.kind.as_str()) {
        ("command", _) => return command(event),
        ("call", "call.incoming") => ("call", subject(event)?, Some(address("call", data(event, "to")?))),
        ("call", "call.outgoing") => ("call", subject(event)?, Some(address("call", data(event, "from")?))),
        ("call", _) => ("call", subject(event)?, None),
        ("message", _) => {
            let (own, peer) = (data(event, "to")?, data(event, "from")?);
            let start = (event.kind == "message.received").then(|| address("sms", own));
            ("sms", format!("{},{}", subject_part(own), subject_part(peer)), start)
        }
        ("conversation", _) => ("conversation", subject(event)?, optional(event, "conversation", "channel")?),
        ("sim", _) => ("sim", subject(event)?, Some(address("sim", &subject(event)?))),
        ("form", _) => ("form", subject(event)?, optional(event, "form", "name")?),
        ("job", _) => ("job", subject(event)?, optional(event, "job", "job")?),
        ("custom", _) => {
            let kind = event.text("reference_type").map(|kind| bounded(event, "reference_type", kind));
            let kind = kind.transpose()?.unwrap_or("api");
            (kind, event.subject.clone().unwrap_or_default(), Some(address("custom", &event.kind)))
        }
        _ => {
            let meant = similar_type(&event.kind).map(|known| format!("did you mean `{known}`? Otherwise "));
            return Err(format!(
                "`type` is `{}`, which has no addressee; {}send one of command.*, call.*, message.*, conversation.*, sim.*, form.*, job.*, custom.*",
                event.kind,
                meant.unwrap_or_default()
            ));
        }
    };
    let reference = Reference { realm: realm.to_owned(), kind: kind.to_owned(), subject };
    Ok(Addressee::Reference { reference, address })
}

/// The two parts of `<activeflow id>:<sequence>`.
pub(crate) fn command_id(text: &str) -> Option<(&str, u32)> {
    let (activeflow_id, sequence) = text.rsplit_once(':')?;
    let plain = !activeflow_id.is_empty()
        && sequence.bytes().all(|b| b.is_ascii_digit())
        && !sequence.starts_with('0');
    plain.then(|| sequence.parse().ok().map(|sequence| (activeflow_id, sequence))).flatten()
}

fn command(event: &Event) -> Result<Addressee, String> {
    let id = data(event, "command_id")?;
    let (activeflow_id, sequence) = command_id(id).ok_or_else(|| {
        format!(
            "`data.command_id` of {} is `{id}`; send the command's own id, `<activeflow id>:<sequence>`",
            event.kind
        )
    })?;
    Ok(Addressee::Command { activeflow_id: activeflow_id.to_owned(), sequence })
}

fn subject(event: &Event) -> Result<String, String> {
    let what = match event.kind.split_once('.') {
        Some(("call", _)) => "the call's id",
        Some(("sim", _)) => "the ICCID",
        Some(("conversation", _)) => "the conversation's id",
        Some(("form", _)) => "the form's id",
        _ => "the job item's id",
    };
    match event.subject.as_deref() {
        Some(subject) if !subject.is_empty() => Ok(subject.to_owned()),
        _ => Err(format!("`subject` of {} is missing; send {what}", event.kind)),
    }
}

fn data<'a>(event: &'a Event, key: &str) -> Result<&'a str, String> {
    match event.data.get(key) {
        Some(serde_json::Value::String(text)) if !text.is_empty() => bounded(event, key, text),
        Some(other) => {
            Err(format!("`data.{key}` of {} is {}; send a text that is not empty", event.kind, shown(other)))
        }
        None => Err(format!("`data.{key}` of {} is missing; send a text that is not empty", event.kind)),
    }
}

/// The address that the event names, if it does.
fn optional(event: &Event, kind: &str, key: &str) -> Result<Option<Address>, String> {
    event.text(key).map(|value| Ok(address(kind, bounded(event, key, value)?))).transpose()
}

/// Checks the length of a part of a subject or address: like attributes, it is sent in headers and stored in keys.
fn bounded<'a>(event: &Event, key: &str, text: &'a str) -> Result<&'a str, String> {
    match text.len() {
        0..=MAX_ATTRIBUTE_BYTES => Ok(text),
        length => Err(format!(
            "`data.{key}` of {} has {length} bytes, the limit is {MAX_ATTRIBUTE_BYTES}",
            event.kind
        )),
    }
}

fn address(kind: &str, value: &str) -> Address {
    Address { kind: kind.to_owned(), value: value.to_owned() }
}

#[cfg(test)]
mod tests;
