//! Deployed flows and routes, published together under one generation.

use super::route::{Address, Route};
use crate::class::Class;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A deployed flow: everything that the dispatcher needs to start it without reading its bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    pub id: String,
    pub name: String,
    pub customer_id: String,
    /// Counts deployments of this flow from 1.
    pub version: u32,
    /// Lower-case hex of the SHA-256 of the bundle's bytes.
    pub bundle: String,
    /// The event that starts the flow; `None` for a subroutine.
    pub trigger: Option<String>,
    pub class: Class,
    /// Every event type that its trigger and actions consume.
    pub hears: BTreeSet<String>,
    pub deployed_at: Timestamp,
}

impl Deployed {
    /// Whether an event of this type starts the flow. The trigger `sim.*` matches every event of that family.
    pub fn is_started_by(&self, event_type: &str) -> bool {
        match self.trigger.as_deref() {
            Some(trigger) => match trigger.strip_suffix('*') {
                Some(prefix) => event_type.starts_with(prefix),
                None => trigger == event_type,
            },
            None => false,
        }
    }
}

/// Everything that is deployed, under one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    pub generation: u64,
    pub flows: BTreeMap<String, Deployed>,
    pub routes: Vec<Route>,
}

impl Definitions {
    /// The route that `address` takes at `at`, with its flow. Precedence: exact, longer prefix, priority, latest `active_from`.
    /// A route whose flow is missing, or whose flow's trigger is not `event_type`, does not match.
    pub fn route(&self, address: &Address, event_type: &str, at: Timestamp) -> Option<(&Route, &Deployed)> {
        self.routes
            .iter()
            .filter(|route| route.takes(address, at))
            .filter_map(|route| Some((route, self.flows.get(&route.flow_id)?)))
            .filter(|(_, flow)| flow.is_started_by(event_type))
            // The id breaks ties, so that every process chooses the same route.
            .max_by_key(|(route, _)| {
                (
                    route.precision(&address.value),
                    route.priority,
                    route.window.active_from,
                    std::cmp::Reverse(&route.id),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::route::Window;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn route(pattern: &str, flow_id: &str, priority: i32, active_from: Option<i64>) -> Route {
        Route {
            id: format!("call={pattern}"),
            kind: "call".into(),
            pattern: pattern.into(),
            flow_id: flow_id.into(),
            customer_id: "acme".into(),
            priority,
            window: Window { active_from: active_from.map(at), active_until: None },
            closed_at: None,
        }
    }

    fn definitions(routes: Vec<Route>) -> Definitions {
        let flow = |id: &str, trigger: Option<&str>| Deployed {
            id: id.into(),
            name: id.into(),
            customer_id: "acme".into(),
            version: 1,
            bundle: String::new(),
            trigger: trigger.map(str::to_owned),
            class: Class::Voice,
            hears: BTreeSet::new(),
            deployed_at: at(0),
        };
        let mut flows: BTreeMap<_, _> =
            ["a", "b", "c"].map(|id| (id.to_owned(), flow(id, Some("call.incoming")))).into();
        flows.insert("sub".into(), flow("sub", None));
        flows.insert("sim".into(), flow("sim", Some("sim.*")));
        Definitions { generation: 1, flows, routes }
    }

    fn chosen(routes: Vec<Route>, value: &str, now: i64) -> Option<String> {
        let address = Address { kind: "call".into(), value: value.into() };
        definitions(routes).route(&address, "call.incoming", at(now)).map(|(_, flow)| flow.id.clone())
    }

    #[test]
    fn exact_goes_before_prefix_before_priority_before_the_latest_start() {
        let all = || {
            vec![route("*", "a", 9, None), route("+1555*", "b", 5, None), route("+15550111", "c", 0, None)]
        };
        assert_eq!(chosen(all(), "+15550111", 0).as_deref(), Some("c"));
        assert_eq!(chosen(all(), "+15550112", 0).as_deref(), Some("b"));
        assert_eq!(chosen(all(), "+49", 0).as_deref(), Some("a"));
        assert_eq!(
            chosen(vec![route("*", "a", 1, None), route("*", "b", 2, None)], "x", 0).as_deref(),
            Some("b")
        );
        assert_eq!(
            chosen(vec![route("*", "a", 1, Some(5)), route("*", "b", 1, Some(3))], "x", 9).as_deref(),
            Some("a")
        );
        assert_eq!(
            chosen(vec![route("*", "a", 1, Some(5)), route("*", "b", 1, Some(3))], "x", 4).as_deref(),
            Some("b")
        );
    }

    #[test]
    fn a_closed_route_still_takes_events_from_before_it_closed() {
        let closed = Route { closed_at: Some(at(10)), ..route("*", "a", 0, None) };
        assert_eq!(chosen(vec![closed.clone()], "x", 9).as_deref(), Some("a"));
        assert_eq!(chosen(vec![closed], "x", 10), None);
    }

    #[test]
    fn a_route_to_a_missing_flow_a_subroutine_or_another_trigger_does_not_match() {
        for flow in ["gone", "sub", "sim"] {
            assert_eq!(
                chosen(vec![route("*", flow, 9, None), route("*", "a", 0, None)], "x", 0).as_deref(),
                Some("a")
            );
        }
    }

    #[test]
    fn a_trigger_with_a_star_is_started_by_its_family() {
        let definitions = definitions(vec![]);
        assert!(definitions.flows["sim"].is_started_by("sim.usage"));
        assert!(!definitions.flows["sim"].is_started_by("simulated.call"));
    }
}
