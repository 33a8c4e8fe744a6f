//! `signalbox flow deploy FILE [--route KIND=ADDRESS]…`.

use super::file;
use super::window::WindowArgs;
use crate::client::{Answer, Client, Path};
use crate::commands::live;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{OutputArgs, text};
use api::publish::RouteAddress;
use clap::Args;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    signalbox flow deploy samples/opening-hours.json     (a subroutine needs no route)\n  \
    signalbox flow deploy samples/ivr.json --route call=+15550111\n  \
    signalbox flow deploy survey.json --route sms=+15550111 --route sms=+1555*\n  \
    signalbox flow deploy usage.json --route sim=* --active-from 2026-12-01T00:00:00Z\n\n\
    Running activeflows finish on the version they started with; new ones use this version.\n\
    Flows that call this flow are updated too. Deploying the same file again changes nothing.")]
pub struct DeployArgs {
    /// Flow file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Address to route to the flow; may be repeated
    #[arg(long = "route", value_name = "KIND=ADDRESS")]
    routes: Vec<RouteAddress>,
    #[command(flatten)]
    window: WindowArgs,
    /// Id of the customer that owns the flow; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: DeployArgs, context: &Context) -> Result<(), Failure> {
    let window = args.window.window()?;
    if args.routes.is_empty() && window != flow::route::Window::default() {
        return Err(Failure::usage(
            "--active-from and --active-until apply to routes only: add --route KIND=ADDRESS",
        ));
    }
    let shown = file::shown(&args.file);
    let document = file::read(&args.file)?;
    let errors = file::print(&shown, &flow::validate(&document));
    if errors > 0 {
        return Err(Failure::failed(format!(
            "{shown} is not deployed: {errors} {} (listed above)",
            if errors == 1 { "error" } else { "errors" }
        )));
    }
    let routes: Vec<Value> = args.routes.iter().map(|address| args.window.of_route(address)).collect();
    let asked = json!({ "document": document, "routes": routes, "file": shown });
    let client = context.client().await?;
    let path = Path::new("/v1/flows").with("customer_id", args.customer);
    let answer = client.ask(Method::POST, path.as_str(), Some(asked.to_string().into_bytes())).await?;
    let deployed = if answer.status.is_success() {
        answer.json(path.as_str())?
    } else {
        return Err(refusal(&client, &answer, &shown));
    };
    args.output.one(&deployed, || said(&deployed));
    Ok(())
}

/// Prints findings of the deployment (such as a missing subroutine) in the same form as findings of the file.
fn refusal(client: &Client, answer: &Answer, shown: &str) -> Failure {
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let findings: Vec<&Value> = problem["errors"].as_array().into_iter().flatten().collect();
    if answer.status != StatusCode::UNPROCESSABLE_ENTITY || findings.is_empty() {
        return client.refusal(answer);
    }
    for finding in &findings {
        file::print_part(shown, finding);
    }
    Failure::failed(format!("{shown} is not deployed: {}", text(&problem["detail"])))
}

fn said(deployed: &Value) -> String {
    let flow = &deployed["flow"];
    let (name, version) = (text(&flow["name"]), text(&flow["version"]));
    if deployed["unchanged"] == true {
        return format!(
            "unchanged: `{name}` is already deployed (version {version}, generation {})",
            text(&deployed["generation"])
        );
    }
    let state = if deployed["is_new_version"] == true { "deployed" } else { "unchanged" };
    let mut lines = vec![format!("{state}: `{name}` version {version} ({})", text(&flow["id"]))];
    let rebundled = deployed["rebundled"].as_array().into_iter().flatten();
    lines.extend(rebundled.map(|caller| format!("also updated: `{}`, which calls this flow", text(caller))));
    let routes: Vec<&Value> = deployed["routes"].as_array().into_iter().flatten().collect();
    lines.extend(routes.iter().map(|route| placed(route, &name)));
    if !flow["trigger"].is_null() && routes.is_empty() && flow["routes"].as_array().is_some_and(Vec::is_empty)
    {
        lines.push(format!(
            "The flow has no route yet; add one: signalbox route set KIND=ADDRESS --flow '{name}'"
        ));
    }
    lines.push(live::said(deployed));
    lines.join("\n")
}

fn placed(route: &Value, name: &str) -> String {
    let address = text(&route["address"]);
    match (route["placed"].as_str(), route["before"].as_str()) {
        (Some("unchanged"), _) => format!("route {address} already leads to this flow"),
        (Some("replaced"), Some(before)) if before != name => {
            format!("route {address} now leads to this flow (previously `{before}`)")
        }
        (Some("replaced"), _) => format!("route {address} has a new window or priority"),
        _ => format!("route {address} leads to this flow"),
    }
}
