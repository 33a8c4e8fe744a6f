//! The flows that are measured, their events, and how they are deployed: under a customer and a kind of reference that
//! nothing else has.

use crate::failure::Failure;
use api::publish::{Deployment, RouteAddress, RouteChange, deploy};
use common::FlowId;
use common::ports::Catalogue;
use common::ports::catalogue::{Publication, Published};
use flow::route::Window;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const CUSTOMER: &str = "00000000-0000-8000-8000-00000000be4c";
/// Kind of the references.
pub const KIND: &str = "signalbox-bench";
pub const SOURCE: &str = "signalbox-bench";
/// Bytes of an event, as in performance.md.
const EVENT_BYTES: usize = 620;
const CONFLICTS: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Actions that send one command each and wait for nothing.
    Commands { steps: usize },
    /// Actions without commands.
    Plain { steps: usize },
    /// A wait as long as the event says.
    Wait,
}

impl Flow {
    pub fn commands(self) -> usize {
        match self {
            Flow::Commands { steps } => steps,
            Flow::Plain { .. } | Flow::Wait => 0,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Flow::Commands { .. } => "commands",
            Flow::Plain { .. } => "plain",
            Flow::Wait => "wait",
        }
    }

    fn name(self) -> String {
        format!("Signalbox bench: {}", self.word())
    }

    pub fn id(self) -> String {
        FlowId::derive(CUSTOMER, &self.name()).to_string()
    }

    /// Type of the event that starts it; also the routing key.
    pub fn event_type(self) -> String {
        format!("custom.signalbox-bench.{}", self.word())
    }

    fn document(self) -> String {
        let actions: Vec<Value> = match self {
            Flow::Commands { steps } => (0..steps).map(command).collect(),
            Flow::Plain { steps } => (0..steps).map(plain).collect(),
            Flow::Wait => {
                vec![
                    json!({ "id": "wait", "type": "sleep", "option": { "duration": "${event.data.wait_ms}" } }),
                ]
            }
        };
        json!({
            "schema": "signalbox.flow/v1",
            "name": self.name(),
            "type": "service",
            "trigger": { "event": self.event_type() },
            "actions": actions,
        })
        .to_string()
    }
}

fn command(number: usize) -> Value {
    json!({
        "id": format!("send-{number}"),
        "type": "message_send",
        "option": {
            "source": { "target": "+15550111" },
            "destinations": [{ "target": "+15550100" }],
            "text": format!("Message {number} of ${{event.subject}}: {}", "x".repeat(200)),
        },
    })
}

fn plain(number: usize) -> Value {
    json!({
        "id": format!("set-{number}"),
        "type": "variable_set",
        "option": { "key": format!("v{number}"), "value": format!("{number} of ${{event.subject}}") },
    })
}

/// An event of 620 bytes that starts `flow`. `subject` is also its id.
pub fn event(flow: Flow, subject: &str, wait_ms: u64) -> String {
    let event = |padding: &str| {
        json!({
            "specversion": "1.0",
            "id": subject,
            "source": SOURCE,
            "type": flow.event_type(),
            "subject": subject,
            "datacontenttype": "application/json",
            "data": {
                "reference_type": KIND, "wait_ms": wait_ms, "from": "+15550100", "to": "+15550111", "padding": padding,
            },
        })
        .to_string()
    };
    let bare = event("").len();
    event(&"x".repeat(EVENT_BYTES.saturating_sub(bare)))
}

/// Deploys all of them with `steps` actions, each at a route of its own.
///
/// # Errors
/// The store does not answer, or refuses.
pub async fn place(store: &dyn Catalogue, steps: usize) -> Result<(), Failure> {
    for flow in [Flow::Commands { steps }, Flow::Plain { steps }, Flow::Wait] {
        place_one(store, flow).await?;
    }
    Ok(())
}

async fn place_one(store: &dyn Catalogue, flow: Flow) -> Result<(), Failure> {
    let address = RouteAddress { kind: "custom".into(), pattern: flow.event_type() };
    let routes = [RouteChange { address, window: Window::default(), priority: 0 }];
    let (name, document) = (flow.name(), flow.document());
    for _ in 0..CONFLICTS {
        let now = store.now().await?;
        let current = store.definitions(0).await?.unwrap_or_default();
        let deployment =
            Deployment { customer_id: CUSTOMER, name: &name, document: &document, routes: &routes, now };
        let effect = deploy(&current, &BTreeMap::new(), &deployment)
            .map_err(|why| Failure::failed(format!("the flow `{name}` cannot be deployed: {why:?}")))?;
        let Some(effect) = effect else { return Ok(()) };
        if store.publish(&effect.publication).await? == Published::Done {
            return Ok(());
        }
    }
    Err(conflicts())
}

/// Takes them and their routes out of the definitions.
///
/// # Errors
/// As [`place`].
pub async fn remove(store: &dyn Catalogue) -> Result<(), Failure> {
    for _ in 0..CONFLICTS {
        let mut definitions = store.definitions(0).await?.unwrap_or_default();
        definitions.generation += 1;
        definitions.flows.retain(|_, flow| flow.customer_id != CUSTOMER);
        definitions.routes.retain(|route| route.customer_id != CUSTOMER);
        if store.publish(&Publication { definitions, bundles: Vec::new() }).await? == Published::Done {
            return Ok(());
        }
    }
    Err(conflicts())
}

fn conflicts() -> Failure {
    Failure::failed(format!(
        "{CONFLICTS} other publications came first, each time; try again when nobody deploys"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_620_bytes_and_flows_have_no_finding() {
        let flow = Flow::Wait;
        assert_eq!(event(flow, "0123456789abcdef-0", 1_234).len(), EVENT_BYTES);
        for flow in [Flow::Commands { steps: 5 }, Flow::Plain { steps: 5 }, flow] {
            assert_eq!(flow::validate(&flow.document()), vec![], "{flow:?}");
        }
    }
}
