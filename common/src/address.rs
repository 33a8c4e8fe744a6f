//! Parsing an event, and finding the activeflow or reference that it addresses and the flow that it would start. Pure.

use crate::identity::{InvalidActiveflowId, reference_key, subject_of};
use crate::ports::intake::{Deliver, Destination, SingleUse};
use crate::record::{ActiveflowSpec, FlowRef, Start};
use crate::refusal::{Refusal, RefusalReason};
use crate::{ActiveflowId, EventKey, Shard, json};
use flow::definitions::Deployed;
use flow::route::{Addressee, Reference, Route, is_single_use};
use flow::{Definitions, Event, Timestamp};

/// Realm of events whose publisher has no realm of its own.
pub const DEFAULT_REALM: &str = "default";

/// A parsed event with its addressee, before definitions are applied.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedEvent {
    pub event: Event,
    pub realm: String,
    /// Always with a subject: a derived one if the event names none.
    pub addressee: Addressee,
}

/// Types of the events with which a gateway answers a command.
const ANSWERS: [&str; 2] = ["command.completed", "command.failed"];

/// Parses an event and finds its addressee. `traceparent` comes from the transport and is used if the event has none.
///
/// # Errors
/// The event is malformed, or names neither a reference nor a command.
pub fn read(body: &[u8], realm: &str, traceparent: Option<&str>) -> Result<ParsedEvent, Refusal> {
    let mut event =
        Event::parse(body).map_err(|error| Refusal::new(RefusalReason::from(error.reason), error.message))?;
    event.traceparent = event.traceparent.or_else(|| traceparent.map(str::to_owned));
    if event.kind.starts_with("command.") && !ANSWERS.contains(&event.kind.as_str()) {
        let message = format!(
            "`type` is `{}`, which is not a result of a command; send command.completed or command.failed",
            event.kind
        );
        return Err(Refusal::new(RefusalReason::Unaddressable, message));
    }
    let mut addressee = flow::route::addressee(&event, realm)
        .map_err(|message| Refusal::new(RefusalReason::Unaddressable, message))?;
    if let Addressee::Reference { reference, .. } = &mut addressee
        && reference.subject.is_empty()
    {
        reference.subject = subject_of(realm, &event.source, &event.id, &reference.kind);
    }
    Ok(ParsedEvent { event, realm: realm.to_owned(), addressee })
}

/// Addresses an event by `definitions`: its shard, its activeflow or reference, and the activeflow that it would start.
/// `arrival` is the time of an event that has none.
///
/// # Errors
/// The event names an invalid activeflow id, or the flow's definition is damaged.
pub fn address(
    read: &ParsedEvent,
    definitions: &Definitions,
    arrival: Timestamp,
    shards: u16,
) -> Result<Deliver, Refusal> {
    let ParsedEvent { event, realm, addressee } = read;
    let (shard, to) = match addressee {
        Addressee::Command { activeflow_id, .. } => {
            let id: ActiveflowId = activeflow_id.parse().map_err(|error: InvalidActiveflowId| {
                Refusal::new(RefusalReason::Unaddressable, error.to_string())
            })?;
            (id.shard(shards), Destination::Activeflow { id, realm: realm.clone() })
        }
        Addressee::Reference { reference, address } => {
            let at = credible_time(event, arrival).unwrap_or(arrival);
            let taken = address.as_ref().and_then(|address| definitions.route(address, &event.kind, at));
            let owner = taken.map(|(route, flow)| start(event, reference, route, flow)).transpose()?;
            let key = reference_key(reference);
            (Shard::of(reference, shards), Destination::Reference { key, owner, sides: Vec::new() })
        }
    };
    Ok(Deliver {
        eager: None,
        key: event_key(read),
        shard,
        generation: definitions.generation,
        to,
        kind: event.kind.clone(),
        input: json::to_bytes(event),
        single_use: single_use(addressee).then(|| SingleUse { dated: credible_time(event, arrival) }),
        always_fits: event.kind == "call.hangup" || matches!(addressee, Addressee::Command { .. }),
    })
}

/// Age up to which an event is judged by its own time: as long as a deleted route stays published.
const MAX_AGE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Time by which an event may be dated ahead.
const MAX_AHEAD_MS: i64 = 24 * 60 * 60 * 1_000;

/// The event's own time, unless it is so far from its arrival that the publisher's clock must be wrong.
pub fn credible_time(event: &Event, arrival: Timestamp) -> Option<Timestamp> {
    let credible = arrival.plus_millis(-MAX_AGE_MS)..=arrival.plus_millis(MAX_AHEAD_MS);
    event.time.filter(|time| credible.contains(time))
}

/// Whether the event's own time is so far from its arrival that its arrival decides instead.
pub fn is_judged_by_arrival(event: &Event, arrival: Timestamp) -> bool {
    event.time.is_some() && credible_time(event, arrival).is_none()
}

fn event_key(read: &ParsedEvent) -> EventKey {
    let ParsedEvent { event, realm, addressee } = read;
    match addressee {
        Addressee::Reference { reference, .. } => {
            EventKey::derive(realm, &event.source, &event.id, &event.kind, &reference.subject)
        }
        Addressee::Command { activeflow_id, sequence } => {
            let command = format!("{activeflow_id}:{sequence}");
            EventKey::derive(realm, &event.source, &event.id, &event.kind, &command)
        }
    }
}

/// Whether the event is for a reference that starts one activeflow only.
fn single_use(addressee: &Addressee) -> bool {
    matches!(addressee, Addressee::Reference { reference, .. } if is_single_use(&reference.kind))
}

fn start(event: &Event, reference: &Reference, route: &Route, flow: &Deployed) -> Result<Start, Refusal> {
    let bundle = bundle_hash(&flow.bundle).ok_or_else(|| {
        let message =
            format!("flow {} pins bundle `{}`, which is not a SHA-256 in hex", flow.id, flow.bundle);
        Refusal::new(RefusalReason::BadDefinition, message)
    })?;
    Ok(Start {
        id: ActiveflowId::derive(reference, &event.source, &event.id, &event.kind, &flow.id),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, subject: &str, id: &str) -> ParsedEvent {
        let data = r#"{"from":"+1","to":"+2","digits":"1"}"#;
        let text = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"{kind}","subject":"{subject}","data":{data}}}"#
        );
        read(text.as_bytes(), DEFAULT_REALM, None).unwrap()
    }

    #[test]
    fn an_event_dated_far_from_its_arrival_is_judged_by_its_arrival() {
        let day = |days: i64| Timestamp::from_micros(1_800_000_000_000_000 + days * 86_400_000_000);
        let dated = |days: i64| {
            let event = Event { time: Some(day(days)), ..event("call.incoming", "c", "1").event };
            credible_time(&event, day(0))
        };
        assert_eq!([-7, 0, 1].map(dated), [-7, 0, 1].map(|days| Some(day(days))));
        assert_eq!([-8, 2, 20_000].map(dated), [None; 3]);
        let far =
            |time| is_judged_by_arrival(&Event { time, ..event("call.incoming", "c", "1").event }, day(0));
        assert_eq!([None, Some(day(1)), Some(day(2))].map(far), [false, false, true]);
    }

    #[test]
    fn an_id_that_a_source_uses_again_for_another_call_is_another_event() {
        let of = |event: ParsedEvent| {
            address(&event, &Definitions::default(), Timestamp::default(), 4).unwrap().key
        };
        assert_eq!(of(event("call.incoming", "c1", "1")), of(event("call.incoming", " c1 ", "1")));
        assert_ne!(of(event("call.incoming", "c1", "1")), of(event("call.incoming", "c2", "1")));
        assert_ne!(of(event("call.incoming", "c1", "1")), of(event("call.digits", "c1", "1")));
    }

    #[test]
    fn only_a_call_a_form_and_a_job_start_once() {
        let once = |kind| {
            let deliver = address(&event(kind, "x", "1"), &Definitions::default(), Timestamp::default(), 4);
            deliver.unwrap().single_use.is_some()
        };
        assert!(["call.incoming", "form.requested", "job.due"].into_iter().all(once));
        assert!(!["conversation.message", "custom.alarm", "message.received"].into_iter().any(once));
    }

    #[test]
    fn numbers_with_commas_are_references_of_their_own() {
        let reference = |from: &str, to: &str| {
            let text = format!(
                r#"{{"specversion":"1.0","id":"1","source":"s","type":"message.received","data":{{"from":"{from}","to":"{to}"}}}}"#
            );
            read(text.as_bytes(), DEFAULT_REALM, None).unwrap().addressee
        };
        assert_ne!(
            reference("+15550141,+15550142", "+15550140"),
            reference("+15550142", "+15550140,+15550141")
        );
        assert_eq!(reference("tel:+1-555-0141", "0015550140"), reference("+15550141", "+15550140"));
    }
}
