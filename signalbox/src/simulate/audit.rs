//! What only Signalbox can say: whether an activeflow is there although no command came, and whether a call that was hung up
//! has ended.

use super::ledger::{Finding, Ledger};
use super::scenario::{Kind, Line};
use crate::client::Client;
use crate::failure::Failure;
use serde::Deserialize;
use std::time::{Duration, Instant};

/// How long an activeflow may take to come to be, or to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long Signalbox may be away.
const AWAY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Deserialize)]
struct Page {
    result: Vec<Standing>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Debug, Deserialize)]
struct Standing {
    id: String,
    reference_id: String,
    state: String,
}

/// A party is over: looks for an activeflow if nothing came of its first event, or nothing of its last in time.
pub async fn of_party(line: &Line, kind: Kind, subject: &str) {
    let is_late = line.ledger.is_late(subject);
    if line.ledger.is_silent(subject) {
        let deadline = Instant::now() + PATIENCE;
        while line.ledger.is_silent(subject) {
            match newest(&line.client, kind, subject).await {
                Ok(Some(found)) => line.ledger.belongs(subject, &found.id),
                Ok(None) if Instant::now() > deadline => {
                    let event = starter(kind);
                    return line.ledger.finds(Finding::NothingCame { subject: subject.to_owned(), event });
                }
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(failure) => return line.ledger.is_unchecked(failure.to_string()),
            }
        }
    }
    if let Some((event, after)) = is_late
        && let Ok(Some(standing)) = newest(&line.client, kind, subject).await
        && ["ready", "claimed"].contains(&standing.state.as_str())
    {
        line.ledger.finds(Finding::Late { subject: subject.to_owned(), event, after });
    }
}

/// Everything is over: finds the calls of this run that were hung up and have not ended.
pub async fn of_ends(client: &Client, ledger: &Ledger, run: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let running = match running_calls(client, &format!("call-{run}-")).await {
            Ok(running) => running,
            Err(failure) => return ledger.is_unchecked(failure.to_string()),
        };
        let left: Vec<Standing> =
            running.into_iter().filter(|standing| ledger.is_hung_up(&standing.reference_id)).collect();
        if left.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return left.into_iter().for_each(|standing| {
                let Standing { id: activeflow, reference_id: subject, state } = standing;
                ledger.finds(Finding::StillRuns { subject, activeflow, state });
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn newest(client: &Client, kind: Kind, subject: &str) -> Result<Option<Standing>, Failure> {
    let subject = subject.replace('+', "%2B").replace(',', "%2C");
    let path = format!(
        "/v1/activeflows?page_size=1&reference_type={}&reference_id={subject}",
        kind.reference_type()
    );
    let page: Page = ask(client, &path).await?;
    Ok(page.result.into_iter().next())
}

/// Those whose reference begins with `prefix`.
async fn running_calls(client: &Client, prefix: &str) -> Result<Vec<Standing>, Failure> {
    let first = "/v1/activeflows?page_size=200&reference_type=call&status=running";
    let mut path = first.to_owned();
    let mut found = Vec::new();
    loop {
        let page: Page = ask(client, &path).await?;
        found.extend(page.result.into_iter().filter(|standing| standing.reference_id.starts_with(prefix)));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        path = format!("{first}&page_token={}", page.next_page_token);
    }
}

/// Signalbox may be being restarted.
async fn ask(client: &Client, path: &str) -> Result<Page, Failure> {
    let deadline = Instant::now() + AWAY;
    loop {
        match client.get(path).await {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

fn starter(kind: Kind) -> &'static str {
    match kind {
        Kind::Call => "call.incoming",
        Kind::Message => "message.received",
        Kind::Sim => "sim.usage",
    }
}
