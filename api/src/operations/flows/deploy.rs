//! `POST /v1/flows`

use super::Document;
use crate::auth::Caller;
use crate::catalogue::{self, Current, Live};
use crate::extract::Body;
use crate::problem::{Part, Problem};
use crate::publish::{self, Deployment, Effect, Placed, Refused, RouteChange};
use crate::resource::{FindingResource, Flow};
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use common::FlowId;
use flow::Timestamp;
use flow::finding::{Finding, Severity};
use flow::route::Window;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// A flow to deploy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "document": {
        "schema": "signalbox.flow/v1",
        "name": "Support line",
        "trigger": {"event": "call.incoming"},
        "actions": [{"id": "answer", "type": "answer"}, {"id": "bye", "type": "hangup"}]
    },
    "routes": [{"address": "call=+15550111"}]
}))]
pub struct DeployRequest {
    pub document: Document,
    /// Addresses that shall lead to it.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub routes: Vec<RouteRequest>,
    /// What the document is called where something is wrong with it, for example a file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A route as it shall be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    /// Kind and address: `call=+15550111`, `sms=+1555*`, `sim=*`
    #[schema(example = "call=+15550111")]
    pub address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_until: Option<Timestamp>,
    #[serde(default)]
    pub priority: i32,
}

/// What a deployment did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    pub flow: Flow,
    /// Whether the flow is new, or another than before.
    pub is_new_version: bool,
    /// Everything was so already: nothing was published.
    pub unchanged: bool,
    /// Names of flows that call it and were bundled anew.
    pub rebundled: Vec<String>,
    pub routes: Vec<PlacedRoute>,
    /// Warnings.
    pub findings: Vec<FindingResource>,
    /// Of all definitions; counts publications.
    pub generation: u64,
    /// Dispatchers that have loaded it.
    pub live_on: Vec<String>,
    /// Dispatchers that have not within 5 s: they are slow, stopped or dead.
    pub not_yet_on: Vec<String>,
}

/// What became of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedRoute {
    #[schema(example = "call=+15550111")]
    pub address: String,
    /// `new`, `unchanged` or `replaced`
    #[schema(example = "replaced")]
    pub placed: String,
    /// The flow to which it led before.
    #[schema(required = true, example = "Night service")]
    pub before: Option<String>,
}

impl PlacedRoute {
    pub fn of(address: &str, placed: &Placed) -> PlacedRoute {
        let (name, before) = match placed {
            Placed::New => ("new", None),
            Placed::Unchanged => ("unchanged", None),
            Placed::Replaced { flow_name } => ("replaced", Some(flow_name.clone())),
        };
        PlacedRoute { address: address.to_owned(), placed: name.to_owned(), before }
    }
}

/// Make a document the active version of its flow
///
/// The flow is known by the document's `name`. Activeflows that run finish on the version they started on; new ones start
/// on this one, and flows that call it are bundled anew. Deploying the same document again changes nothing. Waits up to
/// 5 s for dispatchers to load it.
#[utoipa::path(
    post,
    path = "/v1/flows",
    operation_id = "deployFlow",
    tag = "flows",
    request_body = DeployRequest,
    responses((status = 200, body = Deployed))
)]
pub async fn deploy_flow(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Body(request): Body<DeployRequest>,
) -> Result<Json<Deployed>, Problem> {
    let text = request.document.text();
    let findings = request.document.placed(flow::validate(&text));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(found(&request, &findings));
    }
    let name = name_of(&text).ok_or_else(|| {
        let detail = format!(
            "{} has no `name`, so it cannot be told which flow it is; add \"name\": \"…\" at its top",
            shown(&request)
        );
        Problem::unprocessable("invalid_flow", detail)
    })?;
    let routes: Vec<RouteChange> = request.routes.iter().map(change_of).collect::<Result<_, _>>()?;
    let published = catalogue::change(&api, &caller.customer_id, |current: &Current| {
        let deployment = Deployment {
            customer_id: &caller.customer_id,
            name: &name,
            document: &text,
            routes: &routes,
            now: current.now,
        };
        let effect = publish::deploy(&current.definitions, &current.documents, &deployment)
            .map_err(|refused| refusal(&request, refused))?;
        Ok(effect.map(|effect| (effect.publication.clone(), effect)))
    })
    .await?;
    let warnings = findings.iter().map(FindingResource::from).collect();
    answer(&api, &FlowId::derive(&caller.customer_id, &name).to_string(), &routes, published, warnings).await
}

async fn answer(
    api: &Api,
    id: &str,
    asked: &[RouteChange],
    published: Option<(u64, Effect)>,
    findings: Vec<FindingResource>,
) -> Result<Json<Deployed>, Problem> {
    let definitions = api.definitions().await?;
    let generation = published.as_ref().map_or(definitions.generation, |(generation, _)| *generation);
    let Live { on, not_yet_on } = catalogue::live(api, generation).await?;
    let effect = published.map(|(_, effect)| effect);
    let definitions = effect.as_ref().map_or(&*definitions, |effect| &effect.publication.definitions);
    let flow = definitions.flows.get(id).ok_or_else(|| {
        Problem::conflict(format!(
            "the flow {id} was replaced by another publication meanwhile; deploy it again"
        ))
    })?;
    let routes = match &effect {
        Some(effect) => effect.routes.clone(),
        None => asked.iter().map(|change| (change.clone(), Placed::Unchanged)).collect(),
    };
    Ok(Json(Deployed {
        flow: Flow::of(flow, definitions),
        is_new_version: effect.as_ref().is_some_and(|effect| effect.is_new_version),
        unchanged: effect.is_none(),
        rebundled: effect.map(|effect| effect.rebundled).unwrap_or_default(),
        routes: routes
            .iter()
            .map(|(change, placed)| PlacedRoute::of(&change.address.to_string(), placed))
            .collect(),
        findings,
        generation,
        live_on: on,
        not_yet_on,
    }))
}

fn change_of(route: &RouteRequest) -> Result<RouteChange, Problem> {
    let address =
        route.address.parse().map_err(|detail: String| Problem::unprocessable("invalid_route", detail))?;
    let window = Window { active_from: route.active_from, active_until: route.active_until };
    Ok(RouteChange { address, window, priority: route.priority })
}

/// The document is valid JSON by now.
fn name_of(document: &str) -> Option<String> {
    let value: Value = serde_json::from_str(document).ok()?;
    value.get("name")?.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

fn shown(request: &DeployRequest) -> &str {
    request.file.as_deref().unwrap_or("the document")
}

/// The code of a call to a flow that is not deployed.
const UNKNOWN_SUBROUTINE: &str = "SBX0504";

fn refusal(request: &DeployRequest, refused: Refused) -> Problem {
    match refused {
        Refused::Findings(findings) => found(request, &request.document.placed(findings)),
        Refused::Caller { name, findings } => {
            let detail = format!(
                "{} is not deployed: `{name}`, which calls it, would not work any more",
                shown(request)
            );
            Problem::unprocessable("invalid_flow", detail).with(findings.iter().map(part).collect())
        }
        Refused::Route(why) => {
            Problem::unprocessable("invalid_route", format!("{why}; nothing was deployed"))
        }
    }
}

fn found(request: &DeployRequest, findings: &[Finding]) -> Problem {
    let errors: Vec<Part> =
        findings.iter().filter(|finding| finding.severity == Severity::Error).map(part).collect();
    let is_missing = findings.iter().any(|finding| finding.code == UNKNOWN_SUBROUTINE);
    let first = if is_missing { "; deploy the flow that it calls first" } else { "" };
    let detail = format!("{} is not deployed: {} to mend{first}", shown(request), errors.len());
    Problem::unprocessable("invalid_flow", detail).with(errors)
}

fn part(finding: &Finding) -> Part {
    let known = (finding.line > 0).then_some((finding.line, finding.column));
    Part {
        pointer: finding.pointer.clone(),
        detail: format!("{} {}", finding.what, finding.help).trim().to_owned(),
        code: finding.code.clone(),
        line: known.map(|(line, _)| line),
        column: known.map(|(_, column)| column),
    }
}
