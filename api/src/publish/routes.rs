//! Sets and deletes routes.

use super::address::{RouteAddress, TriggerMismatch};
use super::generation::next;
use flow::Timestamp;
use flow::definitions::{Definitions, Deployed};
use flow::route::{Route, Window};
use thiserror::Error;

/// A route to create or replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteChange {
    pub address: RouteAddress,
    pub window: Window,
    pub priority: i32,
}

/// Result of setting a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChangeResult {
    New,
    Unchanged,
    /// The route led to this flow before, or had another window or priority.
    Replaced {
        flow_name: String,
    },
}

/// The reason why a route is not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    #[error(transparent)]
    Trigger(#[from] TriggerMismatch),
    /// A new version of the flow has another trigger than an existing route needs.
    #[error("{mismatch}. The route exists already: delete it first with `signalbox route delete {address}`")]
    ExistingRoute { address: RouteAddress, mismatch: Box<TriggerMismatch> },
    #[error(
        "the route {address} would be active from {from} until {until}, which is never; set an end after the start"
    )]
    EmptyWindow { address: RouteAddress, from: Timestamp, until: Timestamp },
    #[error("the route {address} belongs to another customer; delete it there first")]
    OtherCustomer { address: RouteAddress },
    #[error("there is no route {address}; `signalbox route list` lists the routes")]
    UnknownRoute { address: RouteAddress },
    #[error("no flow named `{name}` is deployed; {}", list_deployed(deployed))]
    UnknownFlow { name: String, deployed: Vec<String> },
}

/// Sets one route of `flow` in `definitions`. It replaces the route with the same address and start of its window.
///
/// # Errors
/// The address does not fit the flow's trigger, or belongs to another customer; the window is empty.
pub fn set_route(
    definitions: &mut Definitions,
    flow: &Deployed,
    change: &RouteChange,
) -> Result<RouteChangeResult, RouteError> {
    let RouteChange { address, window, priority } = change;
    address.fits_trigger(&flow.name, flow.trigger.as_deref())?;
    if let (Some(from), Some(until)) = (window.active_from, window.active_until)
        && from >= until
    {
        return Err(RouteError::EmptyWindow { address: address.clone(), from, until });
    }
    if definitions
        .routes
        .iter()
        .any(|r| address.is_of(r) && r.closed_at.is_none() && r.customer_id != flow.customer_id)
    {
        return Err(RouteError::OtherCustomer { address: address.clone() });
    }
    let route = Route {
        id: address.id(),
        kind: address.kind.clone(),
        pattern: address.pattern.clone(),
        flow_id: flow.id.clone(),
        customer_id: flow.customer_id.clone(),
        priority: *priority,
        window: *window,
        closed_at: None,
    };
    let same = definitions
        .routes
        .iter_mut()
        .find(|r| address.is_of(r) && r.window.active_from == window.active_from);
    let Some(old) = same else {
        definitions.routes.push(route);
        return Ok(RouteChangeResult::New);
    };
    if *old == route {
        return Ok(RouteChangeResult::Unchanged);
    }
    let previous = std::mem::replace(old, route);
    if previous.closed_at.is_some() {
        return Ok(RouteChangeResult::New);
    }
    let flow_name =
        definitions.flows.get(&previous.flow_id).map_or(previous.flow_id, |flow| flow.name.clone());
    Ok(RouteChangeResult::Replaced { flow_name })
}

/// Returns the definitions with the route, or `None` if nothing changes.
///
/// # Errors
/// As [`set_route`]; also if no flow has this name.
pub fn place_route(
    current: &Definitions,
    customer_id: &str,
    flow_name: &str,
    change: &RouteChange,
    now: Timestamp,
) -> Result<Option<(Definitions, RouteChangeResult)>, RouteError> {
    let mut definitions = next(current, now);
    let flow = flow_named(current, customer_id, flow_name)?;
    match set_route(&mut definitions, flow, change)? {
        RouteChangeResult::Unchanged => Ok(None),
        placed => Ok(Some((definitions, placed))),
    }
}

/// Closes every route of this address. Returns the definitions and the number of closed routes.
///
/// # Errors
/// There is no such route.
pub fn close_route(
    current: &Definitions,
    customer_id: &str,
    address: &RouteAddress,
    now: Timestamp,
) -> Result<(Definitions, usize), RouteError> {
    let mut definitions = next(current, now);
    let mut closed = 0;
    for route in &mut definitions.routes {
        if address.is_of(route) && route.customer_id == customer_id && route.closed_at.is_none() {
            route.closed_at = Some(now);
            closed += 1;
        }
    }
    if closed == 0 {
        return Err(RouteError::UnknownRoute { address: address.clone() });
    }
    Ok((definitions, closed))
}

fn flow_named<'a>(
    definitions: &'a Definitions,
    customer_id: &str,
    name: &str,
) -> Result<&'a Deployed, RouteError> {
    let of_customer = || definitions.flows.values().filter(|flow| flow.customer_id == customer_id);
    if let Some(flow) =
        of_customer().find(|flow| flow.name.to_lowercase() == name.to_lowercase() || flow.id == name)
    {
        return Ok(flow);
    }
    let deployed = of_customer().map(|flow| flow.name.clone()).collect();
    Err(RouteError::UnknownFlow { name: name.to_owned(), deployed })
}

fn list_deployed(names: &[String]) -> String {
    if names.is_empty() {
        return "none is deployed yet: signalbox flow deploy FILE".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("deployed are {}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::Class;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-22T05:00:00Z")
    }

    fn definitions() -> Definitions {
        let flow = |id: &str, trigger: Option<&str>| Deployed {
            id: id.into(),
            name: format!("Flow {id}"),
            customer_id: "acme".into(),
            version: 1,
            bundle: String::new(),
            trigger: trigger.map(str::to_owned),
            class: Class::Voice,
            hears: Default::default(),
            deployed_at: now(),
        };
        let flows = [
            ("a", flow("a", Some("call.incoming"))),
            ("b", flow("b", Some("call.incoming"))),
            ("s", flow("s", None)),
        ];
        Definitions {
            generation: 4,
            flows: flows.map(|(id, flow)| (id.to_owned(), flow)).into(),
            routes: vec![],
        }
    }

    fn change(address: &str) -> RouteChange {
        RouteChange { address: address.parse().unwrap(), window: Window::default(), priority: 0 }
    }

    #[test]
    fn a_route_is_set_once_and_then_moved() {
        let (first, placed) =
            place_route(&definitions(), "acme", "flow A", &change("call=+15550111"), now()).unwrap().unwrap();
        assert_eq!((first.generation, placed), (5, RouteChangeResult::New));
        assert_eq!(place_route(&first, "acme", "Flow a", &change("call=+15550111"), now()), Ok(None));
        let (moved, placed) =
            place_route(&first, "acme", "Flow b", &change("call=+15550111"), now()).unwrap().unwrap();
        assert_eq!(placed, RouteChangeResult::Replaced { flow_name: "Flow a".into() });
        assert_eq!((moved.routes.len(), moved.routes[0].flow_id.as_str()), (1, "b"));
    }

    #[test]
    fn windows_with_other_starts_stand_beside_one_another() {
        let (first, _) =
            place_route(&definitions(), "acme", "Flow a", &change("call=*"), now()).unwrap().unwrap();
        let window = Window {
            active_from: Some(at("2026-12-24T00:00:00Z")),
            active_until: Some(at("2026-12-27T00:00:00Z")),
        };
        let (both, placed) =
            place_route(&first, "acme", "Flow b", &RouteChange { window, ..change("call=*") }, now())
                .unwrap()
                .unwrap();
        assert_eq!((placed, both.routes.len()), (RouteChangeResult::New, 2));
    }

    #[test]
    fn a_deleted_route_stays_for_seven_days_and_can_come_back() {
        let (set, _) =
            place_route(&definitions(), "acme", "Flow a", &change("call=*"), now()).unwrap().unwrap();
        let (closed, count) = close_route(&set, "acme", &change("call=*").address, now()).unwrap();
        assert_eq!((count, closed.routes[0].closed_at), (1, Some(now())));
        assert!(
            close_route(&closed, "acme", &change("call=*").address, now())
                .unwrap_err()
                .to_string()
                .contains("there is no route call=*")
        );
        let (again, placed) =
            place_route(&closed, "acme", "Flow a", &change("call=*"), now()).unwrap().unwrap();
        assert_eq!((placed, again.routes[0].closed_at), (RouteChangeResult::New, None));
        let later = now().plus_millis(crate::publish::generation::CLOSED_ROUTE_RETENTION_MS + 1);
        assert!(
            place_route(&closed, "acme", "Flow a", &change("call=+123"), later)
                .unwrap()
                .unwrap()
                .0
                .routes
                .len()
                == 1
        );
    }

    #[test]
    fn an_error_about_a_route_gives_the_reason() {
        let wrong = |customer: &str, flow: &str, change: RouteChange| {
            let (current, _) =
                place_route(&definitions(), "acme", "Flow a", &super::tests::change("call=*"), now())
                    .unwrap()
                    .unwrap();
            place_route(&current, customer, flow, &change, now()).unwrap_err().to_string()
        };
        assert!(
            wrong("acme", "Flow x", change("call=+123"))
                .contains("deployed are `Flow a`, `Flow b`, `Flow s`")
        );
        assert!(wrong("acme", "Flow s", change("call=+123")).contains("subroutine"));
        assert!(wrong("acme", "Flow a", change("sms=+123")).contains("trigger is call.incoming"));
        assert!(wrong("other", "Flow a", change("call=*")).contains("none is deployed yet"));
        let window = Window { active_from: Some(now()), active_until: Some(now()) };
        assert!(
            wrong("acme", "Flow a", RouteChange { window, ..change("call=+123") }).contains("which is never")
        );
    }
}
