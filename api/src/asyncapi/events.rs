//! Events that carriers and gateways publish.

use super::message::MessageKind;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The replies to commands.
pub const ANSWERS: [&str; 2] = ["command.completed", "command.failed"];

const CALL: Option<&str> = Some("The call's id.");

pub const ALL: &[MessageKind] = &[
    MessageKind {
        kind: "call.incoming",
        summary: "A caller dials one of our numbers. Starts the flow that the route of `to` leads to.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Call>,
        example: || {
            event(
                "call.incoming",
                "7c1e",
                "sbc-1.example",
                "call-4711",
                json!({ "from": "+15550100", "to": "+15550111", "direction": "incoming" }),
            )
        },
    },
    MessageKind {
        kind: "call.outgoing",
        summary: "One of our numbers makes a call. Starts the flow that the route of `from` leads to.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Call>,
        example: || {
            event(
                "call.outgoing",
                "7c1f",
                "sbc-1.example",
                "call-4712",
                json!({ "from": "+15550111", "to": "+15550100", "direction": "outgoing" }),
            )
        },
    },
    MessageKind {
        kind: "call.digits",
        summary: "Keys were pressed in a call.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Digits>,
        example: || event("call.digits", "7c20", "sbc-1.example", "call-4711", json!({ "digits": "1" })),
    },
    MessageKind {
        kind: "call.hangup",
        summary: "A call or one of its legs has ended. The end of the first leg ends the activeflow.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<HungUp>,
        example: || event("call.hangup", "7c21", "sbc-1.example", "call-4711", json!({ "reason": "normal" })),
    },
    MessageKind {
        kind: "message.received",
        summary: "A text message was received. It belongs to the conversation of `to` and `from`, or starts the flow that the route of `to` leads to.",
        subject: None,
        data: SchemaGenerator::subschema_for::<Text>,
        example: || {
            event(
                "message.received",
                "9d01",
                "smsc-1.example",
                "+15550111,+15550100",
                json!({ "from": "+15550100", "to": "+15550111", "text": "opening hours?" }),
            )
        },
    },
    MessageKind {
        kind: "conversation.message",
        summary: "A message was received in a chat channel.",
        subject: Some("The conversation's id."),
        data: SchemaGenerator::subschema_for::<Chat>,
        example: || {
            event(
                "conversation.message",
                "9e01",
                "chat-1.example",
                "conversation-7",
                json!({ "channel": "web", "text": "hello" }),
            )
        },
    },
    MessageKind {
        kind: "sim.usage",
        summary: "A SIM used data. Starts the flow that the route of the ICCID leads to.",
        subject: Some("The ICCID."),
        data: SchemaGenerator::subschema_for::<Usage>,
        example: || {
            event(
                "sim.usage",
                "a001",
                "pcrf-1.example",
                "8944500000000000001",
                json!({ "period": "2026-11", "total_bytes": 1073741824 }),
            )
        },
    },
    MessageKind {
        kind: "form.requested",
        summary: "A form was requested.",
        subject: Some("The form's id."),
        data: SchemaGenerator::subschema_for::<Form>,
        example: || event("form.requested", "b001", "forms.example", "form-1", json!({ "name": "callback" })),
    },
    MessageKind {
        kind: "job.due",
        summary: "An item of a job is due.",
        subject: Some("The job item's id."),
        data: SchemaGenerator::subschema_for::<Job>,
        example: || event("job.due", "c001", "jobs.example", "item-1", json!({ "job": "reminders" })),
    },
    MessageKind {
        kind: "custom.*",
        summary: "Any other event. Starts the flow that the route of the type leads to (`custom=custom.alarm`).",
        subject: None,
        data: SchemaGenerator::subschema_for::<Custom>,
        example: || {
            event(
                "custom.alarm",
                "d001",
                "doors.example",
                "door-3",
                json!({ "reference_type": "door", "floor": 2 }),
            )
        },
    },
    MessageKind {
        kind: ANSWERS[0],
        summary: "A gateway has executed a command.",
        subject: Some("The command's subject."),
        data: SchemaGenerator::subschema_for::<Completed>,
        example: || {
            event(
                ANSWERS[0],
                "7c22",
                "gateway-1.example",
                "call-4711",
                json!({ "command_id": "fe666626-404e-8cda-8f91-548226f0eb5a:2", "result": {"played_ms": 2900} }),
            )
        },
    },
    MessageKind {
        kind: ANSWERS[1],
        summary: "A gateway could not execute a command. The action's `on_error` decides what happens next.",
        subject: Some("The command's subject."),
        data: SchemaGenerator::subschema_for::<Failed>,
        example: || {
            event(
                ANSWERS[1],
                "7c23",
                "gateway-1.example",
                "call-4711",
                json!({ "command_id": "fe666626-404e-8cda-8f91-548226f0eb5a:2", "error": {"code": "no_voice", "message": "the voice en-XX is not installed"} }),
            )
        },
    },
];

fn event(kind: &str, id: &str, source: &str, subject: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": kind, "subject": subject,
        "time": "2026-11-22T05:00:00Z", "datacontenttype": "application/json", "data": data,
    })
}

/// Other fields become variables of the flow: `${call.…}`.
#[derive(Serialize, JsonSchema)]
struct Call {
    /// The caller's number, in E.164.
    from: String,
    /// The called number, in E.164.
    to: String,
    direction: Option<Direction>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Incoming,
    Outgoing,
}

#[derive(Serialize, JsonSchema)]
struct Digits {
    /// One or more keys.
    #[schemars(regex(pattern = r"^[0-9*#ABCDabcd]+$"))]
    digits: String,
}

#[derive(Serialize, JsonSchema)]
struct HungUp {
    /// Reason: `normal`, `busy`, …
    reason: Option<String>,
    /// A further leg of the call, as `<command id>/<destination number>`; the activeflow continues.
    leg: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Text {
    /// The sender, in E.164.
    from: String,
    /// Our number, in E.164.
    to: String,
    text: String,
}

/// Other fields become variables of the flow.
#[derive(Serialize, JsonSchema)]
struct Chat {
    /// Matched by routes: `conversation=web`.
    channel: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

/// Either `total_bytes` or `delta_bytes`.
#[derive(Serialize, JsonSchema)]
struct Usage {
    /// Billing period, for example a month.
    period: Option<String>,
    /// Bytes used in the period so far.
    total_bytes: Option<u64>,
    /// Bytes used since the last event.
    delta_bytes: Option<u64>,
}

/// Other fields become variables of the flow.
#[derive(Serialize, JsonSchema)]
struct Form {
    /// Matched by routes: `form=callback`.
    name: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

/// Other fields become variables of the flow.
#[derive(Serialize, JsonSchema)]
struct Job {
    /// Matched by routes: `job=reminders`.
    job: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

/// Any fields; the flow reads them as `${event.data.…}`.
#[derive(Serialize, JsonSchema)]
struct Custom {
    /// Kind of the reference. Default: `api`.
    reference_type: Option<String>,
    #[serde(flatten)]
    further: Map<String, Value>,
}

#[derive(Serialize, JsonSchema)]
struct Completed {
    /// The command's id.
    #[schemars(regex(pattern = r"^[^:]+:[1-9][0-9]*$"))]
    command_id: String,
    /// Any result; the flow reads it as `${actions.<id>.result}`.
    result: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Failed {
    /// The command's id.
    #[schemars(regex(pattern = r"^[^:]+:[1-9][0-9]*$"))]
    command_id: String,
    error: Error,
}

/// The flow reads it as `${error.code}` and `${error.message}`.
#[derive(Serialize, JsonSchema)]
struct Error {
    code: String,
    message: String,
}
