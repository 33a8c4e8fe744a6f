//! Publishing a change of what is deployed: read, change, publish; another publication in between means once more.

use crate::problem::Problem;
use crate::state::{Api, PATIENCE};
use axum::http::StatusCode;
use common::member::{Member, Role};
use common::ports::catalogue::{Publication, Published};
use flow::{Definitions, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const CONFLICTS: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is deployed, and the sources of one customer's flows by flow id.
pub struct Current {
    pub definitions: Definitions,
    pub documents: BTreeMap<String, String>,
    /// The store's time.
    pub now: Timestamp,
}

/// Publishes what `change` makes of a customer's flows and routes; `None` when it changes nothing.
///
/// # Errors
/// What `change` refuses, and what the store says.
pub async fn change<T>(
    api: &Api,
    customer_id: &str,
    change: impl Fn(&Current) -> Result<Option<(Publication, T)>, Problem>,
) -> Result<Option<(u64, T)>, Problem> {
    for _ in 0..CONFLICTS {
        let current = current(api, customer_id).await?;
        let Some((publication, outcome)) = change(&current)? else { return Ok(None) };
        match api.ask(|| api.ports.catalogue.publish(&publication)).await? {
            Published::Done => return Ok(Some((publication.definitions.generation, outcome))),
            Published::Conflict { generation } => {
                tracing::debug!(generation, "another publication came first; once more");
            }
        }
    }
    let detail =
        format!("{CONFLICTS} other publications came first, each time; nothing was changed, ask again");
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1))
}

async fn current(api: &Api, customer_id: &str) -> Result<Current, Problem> {
    let now = api.ask(|| api.ports.catalogue.now()).await?;
    let definitions = (*api.definitions().await?).clone();
    let mut documents = BTreeMap::new();
    for flow in definitions.flows.values().filter(|flow| flow.customer_id == customer_id) {
        let bundle = api.bundle(&flow.bundle).await?.ok_or_else(|| {
            let detail =
                format!("the bundle {} of the deployed flow `{}` cannot be read", flow.bundle, flow.name);
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_unreadable", detail)
        })?;
        documents.insert(flow.id.clone(), bundle.document().to_string());
    }
    Ok(Current { definitions, documents, now })
}

/// Where a generation is live.
pub struct Live {
    pub on: Vec<String>,
    pub not_yet_on: Vec<String>,
}

/// Waits a little until every dispatcher has loaded `generation`. Events by REST are addressed by it at once.
///
/// # Errors
/// As [`Api::ask`].
pub async fn live(api: &Api, generation: u64) -> Result<Live, Problem> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let members = api.ask(|| api.ports.members.members()).await?;
        let dispatchers = members.into_iter().filter(|member| member.role == Role::Dispatcher);
        let (on, not_yet_on): (Vec<Member>, Vec<Member>) =
            dispatchers.partition(|member| member.generation >= generation);
        if not_yet_on.is_empty() || tokio::time::Instant::now() >= deadline {
            return Ok(Live { on: places(on), not_yet_on: places(not_yet_on) });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn places(members: Vec<Member>) -> Vec<String> {
    members.into_iter().map(|member| member.instance).collect()
}
