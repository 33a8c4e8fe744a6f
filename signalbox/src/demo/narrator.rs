//! Prints one line at the start and one at the end of each simulated call, conversation or SIM.

use crate::client::Client;
use crate::simulate::progress::Progress;
use carrier::{Kind, Transcript};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Maximum number of checks whether an activeflow has ended.
const CHECKS: u32 = 5;
/// Pause between two checks.
const PAUSE: Duration = Duration::from_millis(60);

#[derive(Deserialize)]
struct Activeflow {
    state: String,
    end_reason: Option<String>,
}

/// Prints until the last sender of transcripts is gone.
pub async fn narrate(
    mut transcripts: mpsc::UnboundedReceiver<Transcript>,
    client: Arc<Client>,
    progress: Arc<Progress>,
) {
    while let Some(transcript) = transcripts.recv().await {
        match transcript.took {
            None => progress.line(&format!("{} {}", title(&transcript), begins(transcript.kind))),
            Some(took) => {
                let (client, progress) = (client.clone(), progress.clone());
                // Checking takes a moment and must not delay the next lines.
                tokio::spawn(async move {
                    let end = end_state(&client, &transcript).await;
                    progress.line(&summary(&transcript, &end, took));
                });
            }
        }
    }
}

fn summary(transcript: &Transcript, end: &str, took: Duration) -> String {
    format!("{}: {} ({end}, {:.1} s)", title(transcript), transcript.steps.join(", "), took.as_secs_f64())
}

fn begins(kind: Kind) -> &'static str {
    match kind {
        Kind::Call => "rings",
        Kind::Message => "writes",
        Kind::Sim => "reports",
    }
}

/// `call-k3f9a-17 +15550123 → Support line`.
fn title(transcript: &Transcript) -> String {
    let Transcript { kind, subject, from, to, flow, .. } = transcript;
    let flow = if flow.is_empty() { to } else { flow };
    match kind {
        Kind::Call => format!("{subject} {from} → {flow}"),
        Kind::Message => format!("sms {from} ↔ {flow}"),
        Kind::Sim => format!("sim {subject} → {flow}"),
    }
}

async fn end_state(client: &Client, transcript: &Transcript) -> String {
    let Some(id) = &transcript.activeflow else { return "no activeflow".to_owned() };
    for _ in 0..CHECKS {
        match client.get::<Activeflow>(&format!("/v1/activeflows/{id}")).await {
            Ok(activeflow) if activeflow.state == "ended" => {
                return activeflow.end_reason.unwrap_or(activeflow.state);
            }
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(_) => return "unknown".to_owned(),
        }
    }
    "still waiting".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line() {
        let transcript = Transcript {
            kind: Kind::Call,
            subject: "call-k3f9a-17".into(),
            from: "+15550123".into(),
            to: "+15550111".into(),
            flow: "Support line".into(),
            steps: ["greeting", "pressed 1", "sales", "hung up"].map(str::to_owned).to_vec(),
            activeflow: None,
            took: None,
        };
        assert_eq!(
            summary(&transcript, "finished", Duration::from_millis(2_340)),
            "call-k3f9a-17 +15550123 → Support line: greeting, pressed 1, sales, hung up (finished, 2.3 s)"
        );
    }
}
