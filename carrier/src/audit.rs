//! Checks that need the REST API: whether an activeflow exists although no command followed, and whether the activeflow of a
//! call that was hung up has ended.

use crate::api::{self, Api, ApiError};
use crate::kind::Kind;
use crate::ledger::{Finding, Ledger};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// Maximum time until an activeflow exists, or has ended.
const PATIENCE: Duration = Duration::from_secs(5);
/// Maximum time without an answer of Signalbox.
const AWAY: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Deserialize)]
struct Page {
    result: Vec<Activeflow>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Debug, Deserialize)]
struct Activeflow {
    id: String,
    reference_id: String,
    state: String,
}

/// Audits a participant that has ended: looks for an activeflow if no command followed its first event, and reports a late
/// one if no command followed its last event in time.
pub async fn of_participant(api: &dyn Api, ledger: &Ledger, kind: Kind, subject: &str) {
    let is_late = ledger.is_late(subject);
    if ledger.is_silent(subject) {
        let deadline = Instant::now() + PATIENCE;
        while ledger.is_silent(subject) {
            match newest(api, kind, subject).await {
                Ok(Some(found)) => ledger.belongs(subject, &found.id),
                Ok(None) if Instant::now() > deadline => {
                    let event = kind.starter();
                    return ledger.finds(Finding::NothingCame { subject: subject.to_owned(), event });
                }
                Ok(None) => tokio::time::sleep(PAUSE).await,
                Err(error) => return ledger.is_unchecked(error.to_string()),
            }
        }
    }
    if let Some((event, after)) = is_late
        && let Ok(Some(activeflow)) = newest(api, kind, subject).await
        && ["ready", "claimed"].contains(&activeflow.state.as_str())
    {
        ledger.finds(Finding::Late { subject: subject.to_owned(), event, after });
    }
}

/// Audits a run that has ended: finds activeflows of calls that were hung up and have not ended.
pub async fn of_ends(api: &dyn Api, ledger: &Ledger, run: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let running = match running_calls(api, &format!("call-{run}-")).await {
            Ok(running) => running,
            Err(error) => return ledger.is_unchecked(error.to_string()),
        };
        let left: Vec<Activeflow> =
            running.into_iter().filter(|activeflow| ledger.is_hung_up(&activeflow.reference_id)).collect();
        if left.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            return left.into_iter().for_each(|found| {
                let Activeflow { id, reference_id: subject, state } = found;
                ledger.finds(Finding::StillRuns { subject, activeflow: id, state });
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn newest(api: &dyn Api, kind: Kind, subject: &str) -> Result<Option<Activeflow>, ApiError> {
    let subject = subject.replace('+', "%2B").replace(',', "%2C");
    let path = format!(
        "/v1/activeflows?page_size=1&reference_type={}&reference_id={subject}",
        kind.reference_type()
    );
    let page: Page = ask(api, &path).await?;
    Ok(page.result.into_iter().next())
}

/// Running activeflows of calls whose reference begins with `prefix`.
async fn running_calls(api: &dyn Api, prefix: &str) -> Result<Vec<Activeflow>, ApiError> {
    let first = "/v1/activeflows?page_size=200&reference_type=call&status=running";
    let mut path = first.to_owned();
    let mut found = Vec::new();
    loop {
        let page: Page = ask(api, &path).await?;
        found
            .extend(page.result.into_iter().filter(|activeflow| activeflow.reference_id.starts_with(prefix)));
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        path = format!("{first}&page_token={}", page.next_page_token);
    }
}

/// Retries for a while: Signalbox may be restarting.
async fn ask(api: &dyn Api, path: &str) -> Result<Page, ApiError> {
    let deadline = Instant::now() + AWAY;
    loop {
        match api::get(api, path).await {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            answer => return answer,
        }
    }
}
