//! Publishes a change of the definitions: read, change, publish, and retry after a conflict.

use crate::api::{Api, STORE_TIMEOUT};
use crate::problem::Problem;
use axum::http::StatusCode;
use common::member::{Member, Role};
use common::ports::catalogue::{Publication, Published};
use flow::{Definitions, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const MAX_CONFLICTS: u32 = 10;
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The current definitions, with the documents of one customer's flows by flow id.
pub struct Snapshot {
    pub definitions: Definitions,
    pub documents: BTreeMap<String, String>,
    /// The store's time.
    pub now: Timestamp,
}

/// Publishes the result of `change`. Returns `None` if nothing changes.
///
/// # Errors
/// The error of `change` or of the store; 503 after repeated conflicts.
pub async fn change<T>(
    api: &Api,
    customer_id: &str,
    change: impl Fn(&Snapshot) -> Result<Option<(Publication, T)>, Problem>,
) -> Result<Option<(u64, T)>, Problem> {
    for _ in 0..MAX_CONFLICTS {
        let current = current(api, customer_id).await?;
        let Some((publication, outcome)) = change(&current)? else { return Ok(None) };
        match api.ask(|| api.ports.catalogue.publish(&publication)).await? {
            Published::Done => return Ok(Some((publication.definitions.generation, outcome))),
            Published::Conflict { generation } => {
                tracing::debug!(generation, "publication conflict; retrying");
            }
        }
    }
    let detail = format!(
        "publishing failed {MAX_CONFLICTS} times because other publications came first; nothing was changed, try again"
    );
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1))
}

async fn current(api: &Api, customer_id: &str) -> Result<Snapshot, Problem> {
    let now = api.ask(|| api.ports.catalogue.now()).await?;
    let definitions = (*api.definitions().await?).clone();
    let mut documents = BTreeMap::new();
    for flow in definitions.flows.values().filter(|flow| flow.customer_id == customer_id) {
        let document = api.document(&flow.bundle).await?.ok_or_else(|| {
            let detail = format!(
                "the bundle {} of the deployed flow `{}` is missing or unreadable",
                flow.bundle, flow.name
            );
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_unreadable", detail)
        })?;
        documents.insert(flow.id.clone(), document.to_string());
    }
    Ok(Snapshot { definitions, documents, now })
}

/// Dispatchers by whether they have loaded a generation.
pub struct Rollout {
    pub live_on: Vec<String>,
    pub not_yet_on: Vec<String>,
}

/// Waits up to [`STORE_TIMEOUT`] until every dispatcher has loaded `generation`. Events sent by REST use it immediately.
///
/// # Errors
/// As [`Api::ask`].
pub async fn wait_until_live(api: &Api, generation: u64) -> Result<Rollout, Problem> {
    let deadline = api.ports.clock.monotonic() + STORE_TIMEOUT;
    loop {
        let members = api.ask(|| api.ports.members.members()).await?;
        let dispatchers = members.into_iter().filter(|member| member.role == Role::Dispatcher);
        let (on, not_yet_on): (Vec<Member>, Vec<Member>) =
            dispatchers.partition(|member| member.generation >= generation);
        if not_yet_on.is_empty() || api.ports.clock.monotonic() >= deadline {
            return Ok(Rollout { live_on: instances(on), not_yet_on: instances(not_yet_on) });
        }
        api.ports.clock.sleep(POLL_INTERVAL).await;
    }
}

fn instances(members: Vec<Member>) -> Vec<String> {
    members.into_iter().map(|member| member.instance).collect()
}
