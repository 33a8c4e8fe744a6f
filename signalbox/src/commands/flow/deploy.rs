//! `signalbox flow deploy FILE [--route KIND=ADDRESS]…`.

use super::{WindowArgs, file};
use crate::cli::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::{catalogue, open_store};
use api::publish::{self, Deployment, Effect, Placed, Refused, RouteAddress, RouteChange};
use clap::Args;
use common::ports::Catalogue;
use flow::Definitions;
use flow::finding::Finding;
use std::path::PathBuf;

/// The code of a call to a flow that is not deployed.
const UNKNOWN_SUBROUTINE: &str = "SBX0504";

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox flow deploy samples/opening-hours.json     (a subroutine needs no route)\n  \
    signalbox flow deploy samples/ivr.json --route call=+15550111\n  \
    signalbox flow deploy survey.json --route sms=+15550111 --route sms=+1555*\n  \
    signalbox flow deploy usage.json --route sim=* --active-from 2026-12-01T00:00:00Z\n\n\
    Activeflows that run finish on the version they started on; new ones start on this one.\n\
    Flows that call it are bundled anew. Deploying the same file again changes nothing.")]
pub struct DeployArgs {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// An address that shall lead to the flow; may be repeated
    #[arg(long = "route", value_name = "KIND=ADDRESS")]
    routes: Vec<RouteAddress>,
    #[command(flatten)]
    window: WindowArgs,
    /// Whose flow it is; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
}

pub async fn run(args: DeployArgs, context: &Context) -> Result<(), Failure> {
    let window = args.window.window()?;
    if args.routes.is_empty() && window != flow::route::Window::default() {
        return Err(Failure::usage(
            "--active-from and --active-until are about routes: add --route KIND=ADDRESS",
        ));
    }
    let shown = args.file.display().to_string();
    let document = file::read(&args.file)?;
    let errors = file::print(&shown, &flow::validate(&document));
    if errors > 0 {
        return Err(Failure::failed(format!("{shown} is not deployed: {errors} to mend (above)")));
    }
    let name = name_of(&document).ok_or_else(|| {
        Failure::failed(format!(
            "{shown} has no `name`, so it cannot be told which flow it is; add \"name\": \"…\" at its top"
        ))
    })?;

    let routes: Vec<RouteChange> =
        args.routes.into_iter().map(|address| RouteChange { address, window, priority: 0 }).collect();
    let customer = context.customer(args.customer);
    let store = open_store(context.config()).await?;
    let published = catalogue::change(&store, async |current, now| {
        let documents = catalogue::documents(&store, &current, &customer).await?;
        let deployment =
            Deployment { customer_id: &customer, name: &name, document: &document, routes: &routes, now };
        let effect =
            publish::deploy(&current, &documents, &deployment).map_err(|refused| refusal(&shown, refused))?;
        Ok(effect.map(|effect| (effect.publication.clone(), effect)))
    })
    .await?;
    match published {
        None => say_unchanged(&catalogue::current(&store as &dyn Catalogue).await?, &customer, &name),
        Some((generation, effect)) => {
            say(&effect);
            catalogue::report_live(&store, generation).await?;
        }
    }
    Ok(())
}

/// The document is valid JSON by now.
fn name_of(document: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(document).ok()?;
    value.get("name")?.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

fn refusal(shown: &str, refused: Refused) -> Failure {
    let told = |shown: &str, findings: &[Finding]| file::print(shown, findings);
    match refused {
        Refused::Findings(findings) => {
            let errors = told(shown, &findings);
            let is_missing = findings.iter().any(|finding| finding.code == UNKNOWN_SUBROUTINE);
            let first = if is_missing {
                "; deploy the flow that it calls first: signalbox flow deploy FILE"
            } else {
                ""
            };
            Failure::failed(format!("{shown} is not deployed: {errors} to mend (above){first}"))
        }
        Refused::Caller { name, findings } => {
            told(&format!("flow `{name}`"), &findings);
            Failure::failed(format!(
                "{shown} is not deployed: `{name}`, which calls it, would not work any more (above)"
            ))
        }
        Refused::Route(why) => Failure::failed(format!("{why}; nothing was deployed")),
    }
}

fn say_unchanged(current: &Definitions, customer: &str, name: &str) {
    let id = common::FlowId::derive(customer, name).to_string();
    let version = current.flows.get(&id).map_or(0, |flow| flow.version);
    line(&format!(
        "unchanged: `{name}` is deployed like this already (version {version}, generation {})",
        current.generation
    ));
}

fn say(effect: &Effect) {
    let flow = &effect.flow;
    let state = if effect.is_new_version { "deployed" } else { "unchanged" };
    line(&format!("{state}: `{}` version {} ({})", flow.name, flow.version, flow.id));
    for caller in &effect.rebundled {
        line(&format!("bundled anew: `{caller}`, which calls it"));
    }
    for (change, placed) in &effect.routes {
        let address = &change.address;
        line(&match placed {
            Placed::New => format!("route {address} leads to it"),
            Placed::Unchanged => format!("route {address} leads to it already"),
            Placed::Replaced { flow_name } if *flow_name == flow.name => {
                format!("route {address} leads to it, with a new window or priority")
            }
            Placed::Replaced { flow_name } => {
                format!("route {address} leads to it (to `{flow_name}` before)")
            }
        });
    }
    let has_route = effect
        .publication
        .definitions
        .routes
        .iter()
        .any(|route| route.flow_id == flow.id && route.closed_at.is_none());
    if flow.trigger.is_some() && !has_route {
        line(&format!("No route leads to it yet: signalbox route set KIND=ADDRESS --flow '{}'", flow.name));
    }
}
