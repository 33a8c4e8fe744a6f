//! Noise at the intake: events without a receiver, answers that come too late, and unreadable bodies.

use super::event::Outgoing;
use crate::rng::Rng;
use serde_json::json;

/// An event beside the calls, and whether it belongs into the rejected queue.
#[derive(Clone, Debug)]
pub struct Noise {
    pub message: Outgoing,
    pub rejected: bool,
}

/// The `number`-th event of noise. `late` is a command id of a call that is over, if there was one.
pub fn noise(source: &str, number: u64, late: Option<&str>, rng: &mut Rng) -> Noise {
    let id = format!("noise-{number}");
    let subject = format!("call-unknown-{number}");
    let event = |kind: &str, data| Outgoing::event(source, &id, kind, &subject, data);
    match (rng.between(0, 6), late) {
        (0, _) => heard_by_nobody(event("call.digits", json!({ "digits": "7" }))),
        (1, _) => heard_by_nobody(event("call.ringing", json!({}))),
        (2, _) => heard_by_nobody(event("call.hangup", json!({ "reason": "normal" }))),
        (3, Some(late)) => {
            heard_by_nobody(event("command.completed", json!({ "command_id": late, "result": {} })))
        }
        (3 | 4, _) => {
            let data = json!({ "from": "+15550199", "to": "+15559999", "direction": "incoming" });
            heard_by_nobody(event("call.incoming", data))
        }
        _ => Noise { message: rubbish(&id, &subject, rng), rejected: true },
    }
}

fn heard_by_nobody(message: Outgoing) -> Noise {
    Noise { message, rejected: false }
}

/// A body that no reader of events can take.
fn rubbish(id: &str, subject: &str, rng: &mut Rng) -> Outgoing {
    let body = match rng.between(0, 5) {
        0 => format!("{{\"id\":\"{id}\", cut off").into_bytes(),
        1 => json!({ "specversion": "1.0", "source": "sbc", "type": "call.incoming", "data": { "n": id } })
            .to_string()
            .into_bytes(),
        2 => json!({ "specversion": "1.0", "id": id, "source": "sbc", "data": {} }).to_string().into_bytes(),
        3 => json!([id, "an event is an object"]).to_string().into_bytes(),
        _ => [id.as_bytes(), &[0xff, 0xfe, 0x80]].concat(),
    };
    Outgoing::raw(id, "call.incoming", subject, body)
}
