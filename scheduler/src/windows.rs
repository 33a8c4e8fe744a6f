//! Publishes the transitions of the routes' windows. Each past transition is recorded once, published, and then marked as
//! published. A transition during downtime is not missed: all past transitions that are not marked are due.

use crate::metrics;
use crate::ports::Ports;
use crate::reconciler::{Reconciler, Tick};
use crate::shared::Shared;
use async_trait::async_trait;
use common::command::Message;
use common::identity::hex;
use common::mask::masked;
use common::ports::catalogue::{RouteTransition, RouteTransitionRecord};
use common::{EventKey, StoreError};
use flow::route::Route;
use flow::{Definitions, Timestamp};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// Maximum number of transitions per tick.
const BATCH: usize = 64;

pub struct Windows<'a> {
    shared: &'a Shared,
    definitions: Definitions,
    /// Transitions known to be published; `None` until the history was read.
    published: Option<BTreeSet<RouteTransition>>,
}

impl<'a> Windows<'a> {
    pub fn new(shared: &'a Shared) -> Windows<'a> {
        Windows { shared, definitions: Definitions::default(), published: None }
    }
}

#[async_trait]
impl Reconciler for Windows<'_> {
    fn name(&self) -> &'static str {
        "windows"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        self.refresh(ports).await?;
        let now = ports.catalogue.now().await?;
        let due = self.due(now);
        let more = due.len() > BATCH;
        for (transition, flow_id) in due.into_iter().take(BATCH) {
            if !self.publish(ports, &transition, &flow_id).await? {
                // The broker is away; the next tick continues with this transition.
                return Ok(Tick::default());
            }
        }
        Ok(Tick { more, due_in: None })
    }
}

impl Windows<'_> {
    async fn refresh(&mut self, ports: &Ports) -> Result<(), StoreError> {
        if let Some(newer) = ports.catalogue.definitions(self.definitions.generation).await? {
            self.shared.generation.store(newer.generation, Ordering::Relaxed);
            self.definitions = newer;
            self.published = None;
        }
        if self.published.is_none() {
            let transitions = ports.catalogue.route_transitions().await?;
            let published =
                transitions.into_iter().filter(|record| record.published).map(|record| record.transition);
            self.published = Some(published.collect());
        }
        Ok(())
    }

    /// Past transitions not known to be published, in order of time, each with the flow of its route.
    fn due(&self, now: Timestamp) -> Vec<(RouteTransition, String)> {
        let published = |transition: &RouteTransition| {
            self.published.as_ref().is_some_and(|all| all.contains(transition))
        };
        let mut due: Vec<(RouteTransition, String)> = self
            .definitions
            .routes
            .iter()
            .flat_map(|route| {
                transitions(route).into_iter().map(|transition| (transition, route.flow_id.clone()))
            })
            .filter(|(transition, _)| transition.at <= now && !published(transition))
            .collect();
        due.sort_by(|(a, _), (b, _)| {
            (a.at, &a.transition, &a.route_id).cmp(&(b.at, &b.transition, &b.route_id))
        });
        due
    }

    /// Publishes a transition. Returns whether it is published, by this or another scheduler.
    async fn publish(
        &mut self,
        ports: &Ports,
        transition: &RouteTransition,
        flow_id: &str,
    ) -> Result<bool, StoreError> {
        let record = ports.catalogue.record_route_transition(transition).await?;
        if !record.published {
            if let Err(error) = ports.bus.announce(notice(&record, flow_id)).await {
                tracing::warn!(route_id = masked(&transition.route_id), transition = %transition.transition, %error, "Could not publish a route transition; retrying");
                return Ok(false);
            }
            ports.catalogue.route_transition_published(transition).await?;
            metrics::transition(transition.transition.name());
            tracing::info!(
                route_id = masked(&transition.route_id),
                transition = %transition.transition,
                at = %transition.at,
                late_us = record.recorded_at.micros_since(transition.at),
                "Route transition published"
            );
        }
        if let Some(published) = &mut self.published {
            published.insert(transition.clone());
        }
        Ok(true)
    }
}

fn transitions(route: &Route) -> Vec<RouteTransition> {
    let named = |(transition, at): (flow::route::WindowTransition, Timestamp)| RouteTransition {
        route_id: route.id.clone(),
        transition,
        at,
    };
    route.transitions().into_iter().map(named).collect()
}

/// The notice of a transition. All of it comes from the record, so every scheduler publishes the same bytes.
fn notice(record: &RouteTransitionRecord, flow_id: &str) -> Message {
    let RouteTransition { route_id, transition, at } = &record.transition;
    let kind = format!("route.{transition}");
    let id = hex(&EventKey::of(&["signalbox", route_id, &format!("{transition}@{at}")]).0[..16]);
    let body = serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": "signalbox",
        "type": kind,
        "subject": route_id,
        "time": at,
        "datacontenttype": "application/json",
        "data": { "route_id": route_id, "flow_id": flow_id, "at": at, "recorded_at": record.recorded_at },
    });
    Message {
        correlation_id: id.clone(),
        id,
        routing_key: kind,
        reference: route_id.clone(),
        traceparent: None,
        body: body.to_string(),
    }
}

#[cfg(test)]
mod tests;
