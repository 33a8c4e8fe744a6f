//! The resources of routes.

use crate::publish::RouteChangeResult;
use flow::Timestamp;
use flow::definitions::Definitions;
use flow::route::Route;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A route from an address to a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RouteResource {
    #[schema(example = "call=+15550111")]
    pub address: String,
    #[schema(example = "ed74f4ae-a5bb-87af-8c22-70b91cab9797")]
    pub flow_id: String,
    #[schema(example = "Support line")]
    pub flow_name: String,
    #[schema(example = "5e4a0680-804e-11ec-8477-2fea5968d85b")]
    pub customer_id: String,
    /// Among equally specific addresses, the highest priority wins.
    #[schema(example = 0)]
    pub priority: i32,
    /// Start of the window, compared with the event's time; `null` means no start.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-12-24T00:00:00Z")]
    pub active_from: Option<Timestamp>,
    /// End of the window, exclusive; `null` means no end.
    #[schema(value_type = Option<String>, format = DateTime, required = true, example = "2026-12-27T00:00:00Z")]
    pub active_until: Option<Timestamp>,
}

impl RouteResource {
    pub fn of(route: &Route, definitions: &Definitions) -> RouteResource {
        let flow = definitions.flows.get(&route.flow_id);
        RouteResource {
            address: route.id.clone(),
            flow_id: route.flow_id.clone(),
            flow_name: flow.map(|flow| flow.name.clone()).unwrap_or_default(),
            customer_id: route.customer_id.clone(),
            priority: route.priority,
            active_from: route.window.active_from,
            active_until: route.window.active_until,
        }
    }
}

/// Result of setting a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedRoute {
    #[schema(example = "call=+15550111")]
    pub address: String,
    /// `new`, `unchanged` or `replaced`
    #[schema(example = "replaced")]
    pub placed: String,
    /// The flow to which the address led before.
    #[schema(required = true, example = "Night service")]
    pub before: Option<String>,
}

impl PlacedRoute {
    pub fn of(address: &str, placed: &RouteChangeResult) -> PlacedRoute {
        let (name, before) = match placed {
            RouteChangeResult::New => ("new", None),
            RouteChangeResult::Unchanged => ("unchanged", None),
            RouteChangeResult::Replaced { flow_name } => ("replaced", Some(flow_name.clone())),
        };
        PlacedRoute { address: address.to_owned(), placed: name.to_owned(), before }
    }
}
