//! Commands to gateways.

use super::message::MessageKind;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const CALL: Option<&str> = Some("The call's id.");

pub const ALL: &[MessageKind] = &[
    MessageKind {
        kind: "call.answer",
        summary: "Answer the call. No reply is expected.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<Answer>>,
        example: || command(1, "call.answer", "pick-up", json!({})),
    },
    MessageKind {
        kind: "call.talk",
        summary: "Speak a text and stop the current playback. Reply when the text has been spoken.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<Talk>>,
        example: || {
            let data = json!({ "text": "Hello +15550100.", "language": "en-US", "digits_handle": "next" });
            command(2, "call.talk", "welcome", data)
        },
    },
    MessageKind {
        kind: "call.play",
        summary: "Play audio and stop the current playback. Reply when it has been played.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<Play>>,
        example: || {
            let data = json!({ "stream_urls": ["https://media.example/hours.wav"], "digits_handle": "" });
            command(3, "call.play", "hours", data)
        },
    },
    MessageKind {
        kind: "call.hangup",
        summary: "Hang up. Reply with the event `call.hangup`.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<Hangup>>,
        example: || command(7, "call.hangup", "bye", json!({ "reason": "normal" })),
    },
    MessageKind {
        kind: "call.recording_start",
        summary: "Start recording the call, under a name that the flow uses later. No reply is expected.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<RecordingStart>>,
        example: || {
            let data = json!({
                "name": "call-4711", "format": "wav", "duration": 120, "end_of_silence": 5, "end_of_key": "#",
                "beep_start": true,
            });
            command(5, "call.recording_start", "record", data)
        },
    },
    MessageKind {
        kind: "call.recording_stop",
        summary: "Stop a recording of the call. Reply with its details when it is stored, even if it has already ended.",
        subject: CALL,
        data: SchemaGenerator::subschema_for::<Of<RecordingStop>>,
        example: || command(6, "call.recording_stop", "end-record", json!({ "name": "call-4711" })),
    },
    MessageKind {
        kind: "message.send",
        summary: "Send a text message. Reply when it has been delivered or has failed.",
        subject: Some("The activeflow's reference: a call's id, a conversation or an ICCID."),
        data: SchemaGenerator::subschema_for::<Of<Send>>,
        example: || {
            let data = json!({ "from": "+15550111", "to": "+15550100", "text": "We are open from 9 to 5." });
            command(4, "message.send", "text-hours", data)
        },
    },
];

/// The fields of every command, and those of its type.
#[derive(Serialize, JsonSchema)]
struct Of<T> {
    activeflow_id: String,
    /// The action that sends the command.
    action_id: String,
    #[serde(flatten)]
    what: T,
}

#[derive(Serialize, JsonSchema)]
struct Answer {}

#[derive(Serialize, JsonSchema)]
struct Talk {
    text: String,
    /// As in `en-US`.
    language: Option<String>,
    /// `male`, `female` or `neutral`.
    gender: Option<String>,
    /// Name of a voice of the gateway.
    voice: Option<String>,
    digits_handle: DigitsHandle,
}

#[derive(Serialize, JsonSchema)]
struct Play {
    /// URLs of the audio, in the order of playback.
    stream_urls: Vec<String>,
    digits_handle: DigitsHandle,
}

/// `next`: a pressed key stops the playback; report the key as `call.digits`.
#[derive(Serialize, Deserialize, JsonSchema)]
enum DigitsHandle {
    #[serde(rename = "")]
    Nothing,
    #[serde(rename = "next")]
    Next,
}

#[derive(Serialize, JsonSchema)]
struct Hangup {
    /// `normal`, `busy`, `cancel`, `timeout`, `noanswer`, `dialout`, `amd`.
    reason: String,
    /// The call to hang up instead of the subject.
    reference_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct RecordingStart {
    /// Letters, digits and `._+-`.
    name: String,
    format: RecordingFormat,
    /// Maximum duration, in seconds; 0 means no limit.
    duration: u32,
    /// Seconds of silence that end the recording; 0 means never.
    end_of_silence: u32,
    end_of_key: EndKey,
    /// Whether a beep announces the start of the recording.
    beep_start: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum RecordingFormat {
    Wav,
    Mp3,
    Ogg,
}

/// The key that ends the recording.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EndKey {
    None,
    Any,
    #[serde(rename = "*")]
    Star,
    #[serde(rename = "#")]
    Hash,
}

#[derive(Serialize, JsonSchema)]
struct RecordingStop {
    /// Name of the recording. Default: all recordings of the call.
    name: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Send {
    /// The sender, in E.164.
    from: String,
    /// The receiver, in E.164.
    to: String,
    text: String,
}

/// The activeflow that the example of `call.incoming` starts (docs/identity.md).
const ACTIVEFLOW: &str = "fe666626-404e-8cda-8f91-548226f0eb5a";

fn command(sequence: u32, kind: &str, action_id: &str, what: Value) -> Value {
    let mut data = json!({ "activeflow_id": ACTIVEFLOW, "action_id": action_id });
    if let (Some(data), Value::Object(what)) = (data.as_object_mut(), what) {
        data.extend(what);
    }
    json!({
        "specversion": "1.0", "id": format!("{ACTIVEFLOW}:{sequence}"), "source": "signalbox", "type": kind,
        "subject": "call-4711", "time": "2026-11-22T05:00:00.012345Z", "datacontenttype": "application/json",
        "data": data,
    })
}
