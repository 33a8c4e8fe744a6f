//! The resources of flows and findings.

use flow::definitions::{Definitions, Deployed};
use flow::finding::{Finding, Severity};
use flow::{Class, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A deployed flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    #[schema(example = "ed74f4ae-a5bb-87af-8c22-70b91cab9797")]
    pub id: String,
    /// Unique per customer, ignoring case.
    #[schema(example = "Support line")]
    pub name: String,
    #[schema(example = "5e4a0680-804e-11ec-8477-2fea5968d85b")]
    pub customer_id: String,
    /// Version of the flow; counts its deployments from 1.
    #[schema(example = 1)]
    pub version: u32,
    /// The bundle that new activeflows run on: SHA-256 in hex.
    pub version_id: String,
    /// The event that starts the flow; `null` for a subroutine.
    #[schema(required = true, example = "call.incoming")]
    pub trigger: Option<String>,
    /// `voice`, `chat`, `forms` or `service`
    #[serde(rename = "type")]
    #[schema(example = "voice")]
    pub kind: String,
    /// All event types that its trigger and actions can take.
    #[schema(example = json!(["call.digits", "call.hangup", "call.incoming"]))]
    pub hears: Vec<String>,
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T05:00:00.012345Z")]
    pub deployed_at: Timestamp,
    /// Addresses that lead to it.
    #[schema(example = json!(["call=+15550111"]))]
    pub routes: Vec<String>,
    /// Only in the response for a single flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Value>,
}

impl Flow {
    pub fn of(flow: &Deployed, definitions: &Definitions) -> Flow {
        let routes =
            definitions.routes.iter().filter(|route| route.flow_id == flow.id && route.closed_at.is_none());
        let class = match flow.class {
            Class::Voice => "voice",
            Class::Chat => "chat",
            Class::Forms => "forms",
            Class::Service => "service",
        };
        Flow {
            id: flow.id.clone(),
            name: flow.name.clone(),
            customer_id: flow.customer_id.clone(),
            version: flow.version,
            version_id: flow.bundle.clone(),
            trigger: flow.trigger.clone(),
            kind: class.to_owned(),
            hears: flow.hears.iter().cloned().collect(),
            deployed_at: flow.deployed_at,
            routes: routes.map(|route| route.id.clone()).collect(),
            document: None,
        }
    }
}

/// An error or warning about a flow's document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingResource {
    /// Stable code
    #[schema(example = "SBX0201")]
    pub code: String,
    /// `error` or `warning`
    #[schema(example = "error")]
    pub severity: String,
    /// JSON pointer (RFC 6901) into the document
    #[schema(example = "/actions/0/type")]
    pub pointer: String,
    /// Line from 1; 0 if the document was sent as JSON instead of text
    pub line: u32,
    pub column: u32,
    #[schema(example = "There is no action type `tlak`.")]
    pub what: String,
    #[schema(example = "Did you mean `talk`?")]
    pub help: String,
}

impl From<&Finding> for FindingResource {
    fn from(finding: &Finding) -> FindingResource {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        FindingResource {
            code: finding.code.clone(),
            severity: severity.to_owned(),
            pointer: finding.pointer.clone(),
            line: finding.line,
            column: finding.column,
            what: finding.what.clone(),
            help: finding.help.clone(),
        }
    }
}
