//! Reading an event and finding out whom it is for and what it would start. Pure.

use crate::identity::{reference_key, subject_of};
use crate::ports::intake::{Deliver, To};
use crate::record::{ActiveflowSpec, FlowRef, Start};
use crate::{ActiveflowId, EventKey, Shard};
use flow::definitions::Deployed;
use flow::route::{Addressee, Reference, Route};
use flow::{Definitions, Event, Timestamp};

/// The realm of a trusted intake.
pub const DEFAULT_REALM: &str = "default";

/// An event that was understood, before any definitions are looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub event: Event,
    pub realm: String,
    /// With a subject, also where the event names none.
    pub addressee: Addressee,
}

/// What a gateway answers a command with.
const ANSWERS: [&str; 2] = ["command.completed", "command.failed"];

/// Why an event cannot be used: the reason of a rejection, or of a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Machine-readable.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

impl Refusal {
    pub fn new(reason: &str, message: impl Into<String>) -> Refusal {
        Refusal { reason: reason.to_owned(), message: message.into() }
    }
}

/// `traceparent` is that of the transport, for an event that carries none.
///
/// # Errors
/// The event is malformed or addresses nobody.
pub fn read(body: &[u8], realm: &str, traceparent: Option<&str>) -> Result<Read, Refusal> {
    let mut event = Event::parse(body).map_err(|e| Refusal::new(e.reason.as_str(), e.message))?;
    event.traceparent = event.traceparent.or_else(|| traceparent.map(str::to_owned));
    if event.kind.starts_with("command.") && !ANSWERS.contains(&event.kind.as_str()) {
        let message = format!(
            "`type` is `{}`, which no command is answered with; send command.completed or command.failed",
            event.kind
        );
        return Err(Refusal::new("unaddressable", message));
    }
    let mut addressee =
        flow::route::addressee(&event, realm).map_err(|message| Refusal::new("unaddressable", message))?;
    if let Addressee::Reference { reference, .. } = &mut addressee
        && reference.subject.is_empty()
    {
        reference.subject = subject_of(realm, &event.source, &event.id, &reference.kind);
    }
    Ok(Read { event, realm: realm.to_owned(), addressee })
}

/// What the store is asked to do with the event by `definitions`; `arrival` stands in for a missing time.
///
/// # Errors
/// The event names an activeflow that cannot be, or a flow's definition is damaged.
pub fn address(
    read: &Read,
    definitions: &Definitions,
    arrival: Timestamp,
    shards: u16,
) -> Result<Deliver, Refusal> {
    let Read { event, realm, addressee } = read;
    let (shard, to) = match addressee {
        Addressee::Command { activeflow_id, .. } => {
            let id: ActiveflowId =
                activeflow_id.parse().map_err(|message: String| Refusal::new("unaddressable", message))?;
            (id.shard(shards), To::Activeflow { id, realm: realm.clone() })
        }
        Addressee::Reference { reference, address } => {
            let at = event.time.unwrap_or(arrival);
            let taken = address.as_ref().and_then(|address| definitions.route(address, &event.kind, at));
            let owner = taken.map(|(route, flow)| start(event, reference, route, flow)).transpose()?;
            let key = reference_key(reference);
            (Shard::of(reference, shards), To::Reference { key, owner, sides: Vec::new() })
        }
    };
    Ok(Deliver {
        key: EventKey::derive(realm, &event.source, &event.id),
        shard,
        generation: definitions.generation,
        to,
        kind: event.kind.clone(),
        input: serde_json::to_vec(event).map_err(|e| Refusal::new("internal_error", e.to_string()))?,
        always_fits: event.kind == "call.hangup" || matches!(addressee, Addressee::Command { .. }),
    })
}

fn start(event: &Event, reference: &Reference, route: &Route, flow: &Deployed) -> Result<Start, Refusal> {
    let bundle = bundle_hash(&flow.bundle).ok_or_else(|| {
        let message =
            format!("flow {} pins bundle `{}`, which is not a SHA-256 in hex", flow.id, flow.bundle);
        Refusal::new("bad_definition", message)
    })?;
    Ok(Start {
        id: ActiveflowId::derive(reference, &event.source, &event.id, &flow.id),
        class: flow.class,
        spec: ActiveflowSpec {
            reference: reference.clone(),
            customer_id: route.customer_id.clone(),
            bundle,
            hears: flow.hears.clone(),
            flow: FlowRef { id: flow.id.clone(), name: flow.name.clone(), version: flow.version },
            traceparent: event.traceparent.clone(),
        },
    })
}

fn bundle_hash(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0u8; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(hash)
}
