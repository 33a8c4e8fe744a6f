//! A SIM: it reports its usage, which grows over the month, until the subscriber is notified.

use super::participant::{Addresses, Input, Participant, RunContext};
use crate::rng::Rng;
use crate::targets::Target;
use crate::wire::{Command, now};
use serde_json::json;
use tokio::time::Instant;

/// A plan of the size that the samples have; reports end at twice that.
const PLAN_BYTES: u64 = 1_000_000_000;

pub async fn play(context: &RunContext, target: &Target, number: u64, iccid: String, mut rng: Rng) {
    let msisdn = format!("+1555{:04}", rng.between(100, 10_000));
    let addresses = Addresses { subject: iccid.clone(), from: msisdn, to: iccid };
    let mut participant = Participant::begin(context, target, number, addresses, rng);
    report(&mut participant).await;
    participant.end().await;
}

async fn report(participant: &mut Participant<'_>) {
    let period = now().to_string().chars().take(7).collect::<String>();
    let mut used = 0;
    while used < 2 * PLAN_BYTES {
        used += PLAN_BYTES / 100 * participant.rng.between(15, 45);
        participant.step(format!("{:.1} GB", used as f64 / 1e9));
        let data = json!({ "period": period, "total_bytes": used, "msisdn": participant.transcript.from });
        if !participant.send("sim.usage", data).await {
            return;
        }
        let mut is_told = false;
        let until = Instant::now() + participant.pause(2_000, 5_000);
        loop {
            match participant.next(until).await {
                Input::Command(command) => {
                    is_told = true;
                    if !delivered(participant, &command).await {
                        return;
                    }
                }
                Input::Due => break,
                Input::Stop => return,
            }
        }
        if is_told {
            return;
        }
    }
}

async fn delivered(participant: &mut Participant<'_>, command: &Command) -> bool {
    if command.text("to") == participant.transcript.from {
        participant.step("the subscriber is told");
    } else {
        participant.step(format!("another too ({})", command.kind));
    }
    let data = json!({ "command_id": command.id, "result": { "delivered": true } });
    participant.send("command.completed", data).await
}
