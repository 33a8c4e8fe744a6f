//! The variables of expressions: the call, the message, the SIM, the event, the results of actions, the flow's own ones.
//!
//! Names of the voipbin system (`voipbin.call.source.target`) are aliases of the same values.

use super::cursor::{Cursor, Frame};
use crate::program::Flow;
use crate::program::expression::{Lookup, RESERVED};
use serde_json::{Map, Value, json};

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
    fn root(&self, name: &str) -> Option<Value> {
        match name {
            "actions" => Some(json!(self.frame()?.results)),
            "flow" => Some(json!({ "id": self.flow.key, "name": self.flow.name })),
            _ if RESERVED.contains(&name) => root(self.cursor, name),
            _ => self.frame()?.variables.get(name).cloned(),
        }
    }

    fn path(&self, path: &[String]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let frame = self.frame()?;
        match (first.as_str(), rest) {
            ("actions", [id, key, rest @ ..]) => drill(frame.results.get(id)?.get(key)?, rest).cloned(),
            (name, rest) if !RESERVED.contains(&name) => drill(frame.variables.get(name)?, rest).cloned(),
            (name, rest) => drill(&self.root(name)?, rest).cloned(),
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
    let id = trigger
        .and_then(|event| event.subject.clone())
        .unwrap_or_else(|| cursor.identity.reference_id.clone());
    call.insert("id".to_owned(), Value::String(id));
    if !call.contains_key("direction") {
        let direction = trigger.and_then(|event| event.kind.strip_prefix("call.")).unwrap_or_default();
        call.insert("direction".to_owned(), json!(direction));
    }
    call.insert("digits".to_owned(), json!(cursor.digits.as_deref().unwrap_or_default()));
    Some(Value::Object(call))
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
    let trigger = cursor.trigger.as_ref()?;
    Some(json!({
        "id": trigger.id, "source": trigger.source, "type": trigger.kind,
        "subject": trigger.subject, "time": trigger.time, "data": trigger.data,
    }))
}

fn voipbin(cursor: &Cursor) -> Value {
    let address = |data: &Value, key: &str| json!({ "type": "tel", "target": data.get(key), "target_name": data.get(key), "name": "" });
    let both = |data: Value| {
        let (source, destination) = (address(&data, "from"), address(&data, "to"));
        let mut data = data;
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
