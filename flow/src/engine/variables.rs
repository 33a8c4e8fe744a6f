//! The variables of expressions: the call, the message, the SIM, the event, the results of actions, the flow's own ones.
//!
//! Names of the voipbin system (`voipbin.call.source.target`) are aliases of the same values.

use super::cursor::{Cursor, Frame};
use crate::program::Flow;
use crate::program::expression::{Lookup, RESERVED};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Roots that [`Cursor::variables`] contains besides the flow's own variables.
const SHOWN: &[&str] = &["call", "message", "sim", "event", "activeflow", "customer", "error"];

impl Cursor {
    /// All variables, for display: those of the trigger, the results of actions, and the flow's own.
    pub fn variables(&self) -> Value {
        let frame = self.frames.last();
        let mut all = frame.map(|frame| frame.variables.clone()).unwrap_or_default();
        for root_name in SHOWN {
            if let Some(value) = root(self, root_name) {
                all.insert((*root_name).to_owned(), value);
            }
        }
        if let Some(frame) = frame.filter(|frame| !frame.results.is_empty()) {
            all.insert("actions".to_owned(), json!(frame.results));
        }
        Value::Object(all)
    }
}

/// The variables of the frame on top.
pub(crate) struct Scope<'a> {
    pub cursor: &'a Cursor,
    pub flow: &'a Flow,
}

impl Scope<'_> {
    fn frame(&self) -> Option<&Frame> {
        self.cursor.frames.last()
    }
}

impl Lookup for Scope<'_> {
    fn path(&self, path: &[String]) -> Option<Cow<'_, Value>> {
        let (first, rest) = path.split_first()?;
        let frame = self.frame()?;
        match (first.as_str(), rest) {
            ("actions", [id, key, rest @ ..]) => {
                drill(frame.results.get(id)?.get(key)?, rest).map(Cow::Borrowed)
            }
            ("actions", rest) => drill(&json!(frame.results), rest).cloned().map(Cow::Owned),
            ("flow", rest) => {
                let flow = json!({ "id": self.flow.key, "name": self.flow.name });
                drill(&flow, rest).cloned().map(Cow::Owned)
            }
            ("voipbin", [name, key, rest @ ..]) if ["call", "message"].contains(&name.as_str()) => {
                let Some(of) = address_of(key) else { return self.path(&path[1..]) };
                self.has(name).then_some(())?;
                let number = self.field(name, of);
                drill(&address(number.as_deref()), rest).cloned().map(Cow::Owned)
            }
            ("event", [key, name, rest @ ..]) if key == "data" => {
                drill(self.cursor.trigger.as_ref()?.data.get(name)?, rest).map(Cow::Borrowed)
            }
            (name, rest) if !RESERVED.contains(&name) => {
                drill(frame.variables.get(name)?, rest).map(Cow::Borrowed)
            }
            (name, [key, rest @ ..]) => match self.field(name, key)? {
                Cow::Borrowed(value) => drill(value, rest).map(Cow::Borrowed),
                Cow::Owned(value) => drill(&value, rest).cloned().map(Cow::Owned),
            },
            (name, []) => root(self.cursor, name).map(Cow::Owned),
        }
    }
}

impl Scope<'_> {
    /// Whether there is a call, or a message.
    fn has(&self, name: &str) -> bool {
        match name {
            "call" => self.cursor.is_of_a_call(),
            _ => {
                let trigger = self.cursor.trigger.as_ref();
                self.cursor.message.is_some()
                    || trigger.is_some_and(|event| event.kind.starts_with("message."))
            }
        }
    }

    /// A field of a root that the engine sets. What the trigger or the latest message has itself is not copied.
    fn field(&self, name: &str, key: &str) -> Option<Cow<'_, Value>> {
        let trigger = self.cursor.trigger.as_ref();
        let data =
            |family: &str| trigger.filter(|event| event.kind.starts_with(family)).map(|event| &event.data);
        let own = match name {
            "call" if !["id", "digits"].contains(&key) => {
                data("call.").filter(|_| self.cursor.is_of_a_call()).and_then(|data| data.get(key))
            }
            "message" => self.cursor.message.as_ref().or(data("message.")).and_then(|data| data.get(key)),
            "sim" if key != "iccid" => data("sim.").and_then(|data| data.get(key)),
            _ => None,
        };
        let is_computed = match name {
            "call" => ["id", "digits", "direction"].contains(&key),
            "message" => false,
            "sim" => key == "iccid",
            _ => true,
        };
        match own {
            Some(value) => Some(Cow::Borrowed(value)),
            None if is_computed => self.computed(name, key).map(Cow::Owned),
            None => None,
        }
    }

    fn computed(&self, name: &str, key: &str) -> Option<Value> {
        let trigger = self.cursor.trigger.as_ref();
        match (name, key) {
            ("event", "data") => trigger.map(|event| Value::Object(event.data.clone())),
            ("event", key) => event_without_data(self.cursor)?.get(key).cloned(),
            ("call", "digits") if self.cursor.is_of_a_call() => {
                Some(json!(self.cursor.digits.as_deref().unwrap_or_default()))
            }
            ("call", "id") if self.cursor.is_of_a_call() => Some(json!(call_id(self.cursor))),
            ("call", "direction") if self.cursor.is_of_a_call() => Some(json!(direction(self.cursor))),
            ("sim", "iccid") => {
                let event = trigger.filter(|event| event.kind.starts_with("sim."))?;
                Some(json!(event.subject.as_deref().unwrap_or_default()))
            }
            ("call" | "message" | "sim", _) => None,
            (name, key) => root(self.cursor, name)?.get(key).cloned(),
        }
    }
}

fn drill<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    })
}

/// A root that does not belong to the frame: the reference, the trigger or the activeflow. `None` if the trigger lacks it.
fn root(cursor: &Cursor, name: &str) -> Option<Value> {
    match name {
        "call" => call(cursor),
        "message" => message(cursor).map(Value::Object),
        "sim" => sim(cursor),
        "event" => event(cursor),
        "activeflow" => Some(json!({
            "id": cursor.identity.activeflow_id,
            "reference_type": cursor.identity.reference_type,
            "reference_id": cursor.identity.reference_id,
            "started_at": cursor.started_at,
        })),
        "customer" => Some(json!({ "id": cursor.identity.customer_id })),
        "error" => cursor.error.as_ref().map(|error| json!(error)),
        "voipbin" => Some(voipbin(cursor)),
        _ => None,
    }
}

fn call(cursor: &Cursor) -> Option<Value> {
    if !cursor.is_of_a_call() {
        return None;
    }
    let trigger = cursor.trigger.as_ref();
    let mut call = trigger
        .filter(|event| event.kind.starts_with("call."))
        .map(|event| event.data.clone())
        .unwrap_or_default();
    call.insert("id".to_owned(), json!(call_id(cursor)));
    if !call.contains_key("direction") {
        call.insert("direction".to_owned(), json!(direction(cursor)));
    }
    call.insert("digits".to_owned(), json!(cursor.digits.as_deref().unwrap_or_default()));
    Some(Value::Object(call))
}

fn call_id(cursor: &Cursor) -> &str {
    let subject = cursor.trigger.as_ref().and_then(|event| event.subject.as_deref());
    subject.unwrap_or(&cursor.identity.reference_id)
}

/// The direction that the trigger's type says; its data may say another.
fn direction(cursor: &Cursor) -> &str {
    cursor.trigger.as_ref().and_then(|event| event.kind.strip_prefix("call.")).unwrap_or_default()
}

fn message(cursor: &Cursor) -> Option<Map<String, Value>> {
    let of_trigger = || {
        cursor
            .trigger
            .as_ref()
            .filter(|event| event.kind.starts_with("message."))
            .map(|event| event.data.clone())
    };
    cursor.message.clone().or_else(of_trigger)
}

fn sim(cursor: &Cursor) -> Option<Value> {
    let trigger = cursor.trigger.as_ref().filter(|event| event.kind.starts_with("sim."))?;
    let mut sim = trigger.data.clone();
    sim.insert("iccid".to_owned(), json!(trigger.subject.as_deref().unwrap_or_default()));
    Some(Value::Object(sim))
}

fn event(cursor: &Cursor) -> Option<Value> {
    let mut event = event_without_data(cursor)?;
    event["data"] = Value::Object(cursor.trigger.as_ref()?.data.clone());
    Some(event)
}

fn event_without_data(cursor: &Cursor) -> Option<Value> {
    let trigger = cursor.trigger.as_ref()?;
    Some(json!({
        "id": trigger.id, "source": trigger.source, "type": trigger.kind,
        "subject": trigger.subject, "time": trigger.time,
    }))
}

/// The field that holds the number of an address in voipbin's form.
fn address_of(key: &str) -> Option<&'static str> {
    match key {
        "source" => Some("from"),
        "destination" => Some("to"),
        _ => None,
    }
}

fn address(number: Option<&Value>) -> Value {
    json!({ "type": "tel", "target": number, "target_name": number, "name": "" })
}

fn voipbin(cursor: &Cursor) -> Value {
    let both = |mut data: Value| {
        let (source, destination) = (address(data.get("from")), address(data.get("to")));
        data["source"] = source;
        data["destination"] = destination;
        data
    };
    json!({
        "call": call(cursor).map(both),
        "message": message(cursor).map(|message| both(Value::Object(message))),
        "activeflow": root(cursor, "activeflow"),
    })
}
