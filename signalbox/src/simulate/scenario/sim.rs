//! A SIM: it reports its usage, which grows over the month, until somebody is told of it.

use super::{Dice, Line, Next, Party, Target, Who};
use crate::simulate::wire::{Command, now};
use serde_json::json;
use tokio::time::Instant;

/// A plan of the size that the samples have; reports end at twice that.
const PLAN_BYTES: u64 = 1_000_000_000;

pub async fn play(line: &Line, target: &Target, number: u64, iccid: String, mut dice: Dice) {
    let msisdn = format!("+1555{:04}", dice.between(100, 10_000));
    let who = Who { subject: iccid.clone(), from: msisdn, to: iccid };
    let mut party = Party::begin(line, target, number, who, dice);
    report(&mut party).await;
    party.end().await;
}

async fn report(party: &mut Party<'_>) {
    let period = now().to_string().chars().take(7).collect::<String>();
    let mut used = 0;
    while used < 2 * PLAN_BYTES {
        used += PLAN_BYTES / 100 * party.dice.between(15, 45);
        party.step(format!("{:.1} GB", used as f64 / 1e9));
        let data = json!({ "period": period, "total_bytes": used, "msisdn": party.story.from });
        if !party.send("sim.usage", data).await {
            return;
        }
        let mut is_told = false;
        let until = Instant::now() + party.pause(2_000, 5_000);
        loop {
            match party.next(until).await {
                Next::Command(command) => {
                    is_told = true;
                    if !delivered(party, &command).await {
                        return;
                    }
                }
                Next::Due => break,
                Next::Stop => return,
            }
        }
        if is_told {
            return;
        }
    }
}

async fn delivered(party: &mut Party<'_>, command: &Command) -> bool {
    if command.text("to") == party.story.from {
        party.step("the subscriber is told");
    } else {
        party.step(format!("another too ({})", command.kind));
    }
    let data = json!({ "command_id": command.id, "result": { "delivered": true } });
    party.send("command.completed", data).await
}
