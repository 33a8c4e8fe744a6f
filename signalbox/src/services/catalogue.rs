//! Publishing a change of what is deployed: read, change, publish; another publication in between means once more.

use crate::failure::Failure;
use crate::output::line;
use common::member::{Member, Role};
use common::ports::Members;
use common::ports::catalogue::{Catalogue, Publication, Published};
use flow::{Bundle, Definitions, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

const CONFLICTS: u32 = 10;
/// An answer may get lost: the same publication again has the answer of the first time.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);
/// How long a command waits to see that the change is live.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is deployed now.
pub async fn current(store: &dyn Catalogue) -> Result<Definitions, Failure> {
    Ok(store.definitions(0).await?.unwrap_or_default())
}

/// A publication that brings no new bundle.
pub fn only(definitions: Definitions) -> Publication {
    Publication { definitions, bundles: Vec::new() }
}

/// Publishes what `change` makes of the definitions; `None` when it changes nothing. Answers with the generation.
pub async fn change<T>(
    store: &dyn Catalogue,
    change: impl AsyncFn(Definitions, Timestamp) -> Result<Option<(Publication, T)>, Failure>,
) -> Result<Option<(u64, T)>, Failure> {
    for _ in 0..CONFLICTS {
        let now = store.now().await?;
        let Some((publication, outcome)) = change(current(store).await?, now).await? else { return Ok(None) };
        match publish(store, &publication).await? {
            Published::Done => return Ok(Some((publication.definitions.generation, outcome))),
            Published::Conflict { generation } => {
                tracing::debug!(generation, "another publication came first; once more")
            }
        }
    }
    Err(Failure::failed(format!(
        "{CONFLICTS} other publications came first, each time; nothing was changed, try again"
    )))
}

async fn publish(store: &dyn Catalogue, publication: &Publication) -> Result<Published, Failure> {
    let mut attempt = 1;
    loop {
        match store.publish(publication).await {
            Err(error) if error.is_transient() && attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            answer => return Ok(answer?),
        }
        attempt += 1;
    }
}

/// The documents of a customer's deployed flows, by flow id.
pub async fn documents(
    store: &dyn Catalogue,
    definitions: &Definitions,
    customer_id: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut documents = BTreeMap::new();
    for flow in definitions.flows.values().filter(|flow| flow.customer_id == customer_id) {
        let bytes = store.bundle(&flow.bundle).await?.ok_or_else(|| {
            Failure::failed(format!(
                "the bundle {} of the deployed flow `{}` is not in the state store",
                flow.bundle, flow.name
            ))
        })?;
        let bundle = Bundle::from_bytes(&bytes).map_err(|why| {
            Failure::failed(format!("the bundle of the deployed flow `{}` cannot be read: {why}", flow.name))
        })?;
        documents.insert(flow.id.clone(), bundle.document().to_string());
    }
    Ok(documents)
}

/// Says the generation, and which dispatchers have it; waits a little for all of them.
pub async fn report_live<S: Catalogue + Members>(store: &S, generation: u64) -> Result<(), Failure> {
    let mut before: Vec<Member> = Vec::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let members: Vec<Member> =
            store.members().await?.into_iter().filter(|m| m.role == Role::Dispatcher).collect();
        // Who has not beaten since the first look may have died: it is named, but not waited for to the end.
        let (live, behind): (Vec<&Member>, Vec<&Member>) =
            members.iter().partition(|m| m.generation >= generation);
        let moving = behind.iter().any(|m| before.iter().any(|b| b.id == m.id && b.beat != m.beat))
            || before.is_empty();
        if members.is_empty() {
            line(&format!(
                "generation {generation} is published; no dispatcher is running yet: signalbox serve, or signalbox dispatcher"
            ));
            return Ok(());
        }
        if behind.is_empty() {
            line(&format!("generation {generation} is live on {}", places(&live)));
            return Ok(());
        }
        let is_late = tokio::time::Instant::now() >= deadline;
        if is_late {
            let who = if live.is_empty() { "none yet".to_owned() } else { places(&live) };
            let why = if moving { "" } else { " (silent: stopped or dead)" };
            line(&format!(
                "generation {generation} is published; loaded by {who}, not yet by {}{why}",
                places(&behind)
            ));
            return Ok(());
        }
        if before.is_empty() {
            before.clone_from(&members);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn places(members: &[&Member]) -> String {
    members.iter().map(|m| m.place.as_str()).collect::<Vec<_>>().join(", ")
}
