//! Arguments that several `activeflow` commands share.

use crate::client::Path;
use crate::context::Context;
use crate::output::OutputArgs;
use clap::Args;
use common::ActiveflowId;
use std::str::FromStr;

#[derive(Args, Debug)]
pub struct IdArgs {
    /// The activeflow's id, from `signalbox activeflow list`
    #[arg(value_name = "ID")]
    pub id: ActiveflowId,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  signalbox activeflow list --limit 1 --output ndjson | jq -r .id | xargs signalbox activeflow get"
)]
pub struct InspectArgs {
    #[command(flatten)]
    pub id: IdArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Args, Debug)]
pub struct ForwardArgs {
    #[command(flatten)]
    pub id: IdArgs,
    /// Id of an action in the flow
    #[arg(value_name = "ACTION")]
    pub action: String,
}

/// Selects activeflows; all given conditions must match.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// Only activeflows in this state
    #[arg(long, value_name = "STATE", value_parser = ["ready", "claimed", "waiting", "paused", "quarantined", "ended"])]
    state: Option<String>,
    /// Only running or only ended activeflows
    #[arg(long, value_name = "STATUS", value_parser = ["running", "ended"])]
    status: Option<String>,
    /// Only activeflows of this flow (name or id)
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    #[arg(long, value_name = "KIND[:ID]", help = REFERENCE_HELP)]
    reference: Option<Reference>,
    /// Only activeflows in which an action has failed, also where the flow went on
    #[arg(long)]
    failed: bool,
    /// Customer id; the default is intake.default_customer
    #[arg(long, value_name = "ID")]
    customer: Option<uuid::Uuid>,
}

impl FilterArgs {
    /// The path with the conditions as query parameters.
    pub fn query(&self, path: &str, context: &Context) -> Path {
        let flow = self.flow.as_deref().map(|flow| context.flow_id(self.customer, flow));
        Path::new(path)
            .with("customer_id", self.customer)
            .with("state", self.state.as_ref())
            .with("status", self.status.as_ref())
            .with("flow_id", flow)
            .with("reference_type", self.reference.as_ref().map(|reference| &reference.kind))
            .with("reference_id", self.reference.as_ref().and_then(|reference| reference.id.as_ref()))
            .with("failed", self.failed.then_some(true))
    }

    pub fn is_given(&self) -> bool {
        self.state.is_some()
            || self.status.is_some()
            || self.flow.is_some()
            || self.reference.is_some()
            || self.failed
    }
}

const REFERENCE_HELP: &str =
    "Only activeflows for this reference: a kind (call), or a kind and an id (call:call-4711)";

/// `call`, or `call:call-4711`.
#[derive(Clone, Debug)]
struct Reference {
    kind: String,
    id: Option<String>,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Reference, String> {
        let (kind, id) = text.split_once(':').map_or((text, None), |(kind, id)| (kind, Some(id.to_owned())));
        if kind.is_empty() || id.as_ref().is_some_and(String::is_empty) {
            return Err("write KIND or KIND:ID, for example call or call:call-4711".into());
        }
        Ok(Reference { kind: kind.to_owned(), id })
    }
}
