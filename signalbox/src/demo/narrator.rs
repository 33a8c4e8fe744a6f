//! Tells what happens, a line at a time: who calls, and how it went.

use crate::client::Client;
use crate::simulate::progress::Progress;
use crate::simulate::{Kind, Story};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often it is asked whether an activeflow has ended, and how long is waited in between.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(60);

#[derive(Deserialize)]
struct Activeflow {
    state: String,
    end_reason: Option<String>,
}

/// Until nobody tells stories any more.
pub async fn narrate(
    mut stories: mpsc::UnboundedReceiver<Story>,
    client: Arc<Client>,
    progress: Arc<Progress>,
) {
    while let Some(story) = stories.recv().await {
        match story.took {
            None => progress.line(&format!("{} {}", who(&story), begins(story.kind))),
            Some(took) => {
                let (client, progress) = (client.clone(), progress.clone());
                // Looking takes a moment; others go on telling.
                tokio::spawn(async move {
                    let end = how_it_ended(&client, &story).await;
                    progress.line(&told(&story, &end, took));
                });
            }
        }
    }
}

fn told(story: &Story, end: &str, took: Duration) -> String {
    format!("{}: {} ({end}, {:.1} s)", who(story), story.steps.join(", "), took.as_secs_f64())
}

fn begins(kind: Kind) -> &'static str {
    match kind {
        Kind::Call => "rings",
        Kind::Message => "writes",
        Kind::Sim => "reports",
    }
}

/// `call-k3f9a-17 +15550123 → Support line`.
fn who(story: &Story) -> String {
    let Story { kind, subject, from, to, flow, .. } = story;
    let flow = if flow.is_empty() { to } else { flow };
    match kind {
        Kind::Call => format!("{subject} {from} → {flow}"),
        Kind::Message => format!("sms {from} ↔ {flow}"),
        Kind::Sim => format!("sim {subject} → {flow}"),
    }
}

async fn how_it_ended(client: &Client, story: &Story) -> String {
    let Some(id) = &story.activeflow else { return "nothing came of it".to_owned() };
    for _ in 0..LOOKS {
        match client.get::<Activeflow>(&format!("/v1/activeflows/{id}")).await {
            Ok(activeflow) if activeflow.state == "ended" => {
                return activeflow.end_reason.unwrap_or(activeflow.state);
            }
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(_) => return "not known".to_owned(),
        }
    }
    "still waiting".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line() {
        let story = Story {
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
            told(&story, "finished", Duration::from_millis(2_340)),
            "call-k3f9a-17 +15550123 → Support line: greeting, pressed 1, sales, hung up (finished, 2.3 s)"
        );
    }
}
