//! Notices that Signalbox publishes.

use super::message::MessageKind;
use flow::Timestamp;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Value, json};

const ROUTE: Option<&str> = Some("The route's id.");

pub const ALL: &[MessageKind] = &[
    MessageKind {
        kind: "route.activated",
        summary: "The window of a route has opened.",
        subject: ROUTE,
        data: SchemaGenerator::subschema_for::<WindowTransition>,
        example: || {
            transition("route.activated", "d256a8ff58117a8c456c440a509f0999", "2026-11-22T17:00:00.000000Z")
        },
    },
    MessageKind {
        kind: "route.expired",
        summary: "The window of a route has closed.",
        subject: ROUTE,
        data: SchemaGenerator::subschema_for::<WindowTransition>,
        example: || {
            transition("route.expired", "9e51a911fe2d7f6f86f0938423db8985", "2026-11-23T07:00:00.000000Z")
        },
    },
];

/// Also sent, later, for transitions that happened while no scheduler was running.
#[derive(Serialize, JsonSchema)]
struct WindowTransition {
    route_id: String,
    flow_id: String,
    /// Time of the transition, by the route's window.
    #[schemars(with = "String", extend("format" = "date-time"))]
    at: Timestamp,
    /// Time when the scheduler recorded it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    recorded_at: Timestamp,
}

fn transition(kind: &str, id: &str, at: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "signalbox", "type": kind, "subject": "call=+15550111",
        "time": at, "datacontenttype": "application/json",
        "data": {
            "route_id": "call=+15550111", "flow_id": "ed74f4ae-a5bb-87af-8c22-70b91cab9797",
            "at": at, "recorded_at": at,
        },
    })
}
