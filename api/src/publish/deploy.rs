//! Deploys one document as the active version of its flow, and rebuilds the flows that call it.

use super::address::RouteAddress;
use super::generation::next;
use super::routes::{RouteChange, RouteChangeResult, RouteError, set_route};
use common::FlowId;
use common::ports::catalogue::Publication;
use flow::definitions::{Definitions, Deployed};
use flow::finding::Finding;
use flow::{Bundle, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A deployment to perform.
pub struct Deployment<'a> {
    pub customer_id: &'a str,
    pub name: &'a str,
    pub document: &'a str,
    pub routes: &'a [RouteChange],
    pub now: Timestamp,
}

/// Changes made by a deployment.
pub struct Effect {
    pub publication: Publication,
    pub flow: Deployed,
    /// Whether the flow itself has a new version.
    pub is_new_version: bool,
    /// Names of the flows that call it and were rebuilt.
    pub rebundled: Vec<String>,
    pub routes: Vec<(RouteChange, RouteChangeResult)>,
}

/// The reason why nothing is published.
#[derive(Debug)]
pub enum Refused {
    Findings(Vec<Finding>),
    /// A flow that calls this one would no longer work.
    Caller {
        name: String,
        findings: Vec<Finding>,
    },
    Route(RouteError),
}

/// Computes a deployment. `documents` are this customer's deployed documents by flow id. Returns `None` if nothing changes.
///
/// # Errors
/// [`Refused`]; the definitions stay as they are.
pub fn deploy(
    current: &Definitions,
    documents: &BTreeMap<String, String>,
    deployment: &Deployment,
) -> Result<Option<Effect>, Refused> {
    let id = FlowId::derive(deployment.customer_id, deployment.name).to_string();
    let old_documents = callable(current, documents, deployment.customer_id);
    let mut new_documents = old_documents.clone();
    new_documents.remove(&id);
    if let Some(previous) = current.flows.get(&id) {
        new_documents.remove(&previous.name);
    }
    let bundle = Bundle::compile((&id, deployment.document), &new_documents).map_err(Refused::Findings)?;
    for key in [id.as_str(), deployment.name] {
        new_documents.insert(key.to_owned(), deployment.document.to_owned());
    }

    let mut definitions = next(current, deployment.now);
    let mut bundles = Vec::new();
    let flow = deployed(current.flows.get(&id), &id, &bundle, deployment);
    let is_new_version = current.flows.get(&id) != Some(&flow);
    if is_new_version {
        bundles.push((bundle.hash(), bundle.to_bytes().to_vec()));
        definitions.flows.insert(id.clone(), flow.clone());
    }

    let mut rebundled = Vec::new();
    let calling = callers(current, documents, &id, deployment);
    for caller in current.flows.values().filter(|other| calling.contains(&other.id)) {
        let Some(source) = documents.get(&caller.id) else { continue };
        let rebuilt = match Bundle::compile((&caller.id, source), &new_documents) {
            Ok(rebuilt) => rebuilt,
            // It did not compile before this deployment either, so its current bundle stays.
            Err(_) if Bundle::compile((&caller.id, source), &old_documents).is_err() => continue,
            Err(findings) => return Err(Refused::Caller { name: caller.name.clone(), findings }),
        };
        let updated = with_bundle(caller, &rebuilt);
        if updated != *caller {
            rebundled.push(caller.name.clone());
            bundles.push((rebuilt.hash(), rebuilt.to_bytes().to_vec()));
            definitions.flows.insert(caller.id.clone(), updated);
        }
    }

    let mut routes = Vec::new();
    for change in deployment.routes {
        let placed = set_route(&mut definitions, &flow, change).map_err(Refused::Route)?;
        routes.push((change.clone(), placed));
    }
    for route in definitions.routes.iter().filter(|route| route.flow_id == id && route.closed_at.is_none()) {
        let address = RouteAddress { kind: route.kind.clone(), pattern: route.pattern.clone() };
        address.fits_trigger(&flow.name, flow.trigger.as_deref()).map_err(|mismatch| {
            Refused::Route(RouteError::ExistingRoute {
                address: address.clone(),
                mismatch: Box::new(mismatch),
            })
        })?;
    }
    let is_same =
        bundles.is_empty() && routes.iter().all(|(_, placed)| *placed == RouteChangeResult::Unchanged);
    let publication = Publication { definitions, bundles };
    Ok((!is_same).then_some(Effect { publication, flow, is_new_version, rebundled, routes }))
}

/// The ids of the customer's other flows that call the deployed one, directly or through others. Only these can change.
fn callers(
    current: &Definitions,
    documents: &BTreeMap<String, String>,
    id: &str,
    deployment: &Deployment,
) -> BTreeSet<String> {
    let is_other = |flow: &&Deployed| flow.customer_id == deployment.customer_id && flow.id != id;
    let mut others: Vec<(&Deployed, Vec<String>)> = current
        .flows
        .values()
        .filter(is_other)
        .filter_map(|flow| Some((flow, flow::calls(documents.get(&flow.id)?))))
        .filter(|(_, calls)| !calls.is_empty())
        .collect();
    let mut called = BTreeSet::from([id.to_owned(), deployment.name.to_owned()]);
    let mut callers = BTreeSet::new();
    loop {
        let (calling, rest): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, calls)| calls.iter().any(|name| called.contains(name)));
        if calling.is_empty() {
            return callers;
        }
        for (flow, _) in calling {
            called.extend([flow.id.clone(), flow.name.clone()]);
            callers.insert(flow.id.clone());
        }
        others = rest;
    }
}

/// The customer's documents by flow id and by name, which `subroutine` may call.
fn callable(
    current: &Definitions,
    sources: &BTreeMap<String, String>,
    customer_id: &str,
) -> BTreeMap<String, String> {
    let mut callable = BTreeMap::new();
    for flow in current.flows.values().filter(|flow| flow.customer_id == customer_id) {
        if let Some(source) = sources.get(&flow.id) {
            callable.insert(flow.id.clone(), source.clone());
            callable.insert(flow.name.clone(), source.clone());
        }
    }
    callable
}

fn deployed(previous: Option<&Deployed>, id: &str, bundle: &Bundle, deployment: &Deployment) -> Deployed {
    // Another version of Signalbox may compile the same document to another class or other events.
    if let Some(same) = previous.filter(|flow| with_bundle(flow, bundle) == **flow) {
        return same.clone();
    }
    Deployed {
        id: id.to_owned(),
        name: bundle.name().to_owned(),
        customer_id: deployment.customer_id.to_owned(),
        version: previous.map_or(1, |flow| flow.version + 1),
        bundle: bundle.hash(),
        trigger: bundle.trigger().map(str::to_owned),
        class: bundle.class(),
        hears: bundle.hears(),
        deployed_at: deployment.now,
    }
}

/// The version counts deployments of the flow itself, so it stays.
fn with_bundle(flow: &Deployed, bundle: &Bundle) -> Deployed {
    Deployed { bundle: bundle.hash(), class: bundle.class(), hears: bundle.hears(), ..flow.clone() }
}

#[cfg(test)]
#[path = "deploy_tests.rs"]
mod tests;
