//! `POST /v1/flows`

use super::document::Document;
use crate::api::Api;
use crate::audit::ChangedResource;
use crate::auth::Caller;
use crate::catalogue::{self, Rollout, Snapshot};
use crate::extract::Body;
use crate::problem::{Problem, ProblemPart};
use crate::publish::{self, Deployment, Effect, InvalidAddress, Refused, RouteChange, RouteChangeResult};
use crate::resource::{FindingResource, Flow, PlacedRoute};
use axum::extract::State;
use axum::{Extension, Json};
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
    /// Routes to the flow, created or replaced with the deployment.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub routes: Vec<RouteRequest>,
    /// Name of the document in error messages, for example a file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A route to create or replace.
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

/// Result of a deployment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deployed {
    pub flow: Flow,
    /// Whether the deployment created a new version of the flow.
    pub is_new_version: bool,
    /// Whether everything was already deployed, so that nothing was published.
    pub unchanged: bool,
    /// Names of the flows that call this flow and were rebuilt.
    pub rebundled: Vec<String>,
    pub routes: Vec<PlacedRoute>,
    /// Warnings.
    pub findings: Vec<FindingResource>,
    /// Generation of the definitions; counts publications.
    pub generation: u64,
    /// Dispatchers that have loaded it.
    pub live_on: Vec<String>,
    /// Dispatchers that have not loaded it within 5 s: they are slow, stopped or dead.
    pub not_yet_on: Vec<String>,
}

/// Make a document the active version of its flow
///
/// The document's `name` identifies the flow. Running activeflows finish on the version on which they started. New
/// activeflows start on this version, and the flows that call it are rebuilt. Deploying the same document again changes
/// nothing. Waits up to 5 s for dispatchers to load it.
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
) -> Result<(Extension<ChangedResource>, Json<Deployed>), Problem> {
    let text = request.document.text();
    let findings = request.document.locate(flow::validate(&text));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(found(&request, &findings));
    }
    let name = name_of(&text).ok_or_else(|| {
        let detail = format!(
            "{} has no `name`, which identifies the flow; add \"name\": \"…\" at its top",
            label(&request)
        );
        Problem::unprocessable("invalid_flow", detail)
    })?;
    let routes: Vec<RouteChange> = request.routes.iter().map(change_of).collect::<Result<_, _>>()?;
    let published = catalogue::change(&api, &caller.customer_id, |current: &Snapshot| {
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
    let id = FlowId::derive(&caller.customer_id, &name).to_string();
    let deployed = answer(&api, &id, &routes, published, warnings).await?;
    Ok((Extension(ChangedResource(format!("flow {id} {name:?}"))), deployed))
}

async fn answer(
    api: &Api,
    id: &str,
    requested: &[RouteChange],
    published: Option<(u64, Effect)>,
    findings: Vec<FindingResource>,
) -> Result<Json<Deployed>, Problem> {
    let definitions = api.definitions().await?;
    let generation = published.as_ref().map_or(definitions.generation, |(generation, _)| *generation);
    let Rollout { live_on, not_yet_on } = catalogue::wait_until_live(api, generation).await?;
    let effect = published.map(|(_, effect)| effect);
    let definitions = effect.as_ref().map_or(&*definitions, |effect| &effect.publication.definitions);
    let flow = definitions.flows.get(id).ok_or_else(|| {
        Problem::conflict(format!(
            "another publication replaced flow {id} during this deployment; deploy it again"
        ))
    })?;
    let routes = match &effect {
        Some(effect) => effect.routes.clone(),
        None => requested.iter().map(|change| (change.clone(), RouteChangeResult::Unchanged)).collect(),
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
        live_on,
        not_yet_on,
    }))
}

fn change_of(route: &RouteRequest) -> Result<RouteChange, Problem> {
    let address = route
        .address
        .parse()
        .map_err(|error: InvalidAddress| Problem::unprocessable("invalid_route", error.to_string()))?;
    let window = Window { active_from: route.active_from, active_until: route.active_until };
    Ok(RouteChange { address, window, priority: route.priority })
}

/// The document has already been validated as JSON.
fn name_of(document: &str) -> Option<String> {
    let value: Value = serde_json::from_str(document).ok()?;
    value.get("name")?.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

fn label(request: &DeployRequest) -> &str {
    request.file.as_deref().unwrap_or("the document")
}

/// Code of the finding for a call to a flow that is not deployed.
const UNKNOWN_SUBROUTINE: &str = "SBX0504";

fn refusal(request: &DeployRequest, refused: Refused) -> Problem {
    match refused {
        Refused::Findings(findings) => found(request, &request.document.locate(findings)),
        Refused::Caller { name, findings } => {
            let detail = format!(
                "{} was not deployed: the flow `{name}` calls it and would no longer work",
                label(request)
            );
            Problem::unprocessable("invalid_flow", detail).with(findings.iter().map(part).collect())
        }
        Refused::Route(error) => {
            Problem::unprocessable("invalid_route", format!("{error}; nothing was deployed"))
        }
    }
}

fn found(request: &DeployRequest, findings: &[Finding]) -> Problem {
    let errors: Vec<ProblemPart> =
        findings.iter().filter(|finding| finding.severity == Severity::Error).map(part).collect();
    let is_missing = findings.iter().any(|finding| finding.code == UNKNOWN_SUBROUTINE);
    let hint = if is_missing { "; deploy the flow that it calls first" } else { "" };
    let detail = format!("{} was not deployed: {}{hint}", label(request), count(errors.len()));
    Problem::unprocessable("invalid_flow", detail).with(errors)
}

fn count(errors: usize) -> String {
    if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") }
}

fn part(finding: &Finding) -> ProblemPart {
    let known = (finding.line > 0).then_some((finding.line, finding.column));
    ProblemPart {
        pointer: finding.pointer.clone(),
        detail: format!("{} {}", finding.what, finding.help).trim().to_owned(),
        code: finding.code.clone(),
        line: known.map(|(line, _)| line),
        column: known.map(|(_, column)| column),
    }
}
