//! Edges of routes' windows: each that has passed is recorded once, published, and then marked as published. Nothing is
//! missed by being down meanwhile: what is due is what has passed and is not marked.

use crate::driver::{Reconciler, Tick};
use crate::{Ports, Shared, metrics};
use async_trait::async_trait;
use common::command::Message;
use common::identity::hex;
use common::mask::masked;
use common::ports::catalogue::{Edge, EdgeRecord};
use common::{EventKey, StoreError};
use flow::route::Route;
use flow::{Definitions, Timestamp};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

/// So many edges one tick handles.
const BATCH: usize = 64;

pub struct Windows<'a> {
    shared: &'a Shared,
    definitions: Definitions,
    /// Edges known to be published; `None` until the history was read.
    published: Option<BTreeSet<Edge>>,
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
        self.follow(ports).await?;
        let now = ports.catalogue.now().await?;
        let due = self.due(now);
        let more = due.len() > BATCH;
        for (edge, flow_id) in due.into_iter().take(BATCH) {
            if !self.handle(ports, &edge, &flow_id).await? {
                // The broker is away; the next tick goes on from here.
                return Ok(Tick::default());
            }
        }
        Ok(Tick { more, due_in: None })
    }
}

impl Windows<'_> {
    async fn follow(&mut self, ports: &Ports) -> Result<(), StoreError> {
        if let Some(newer) = ports.catalogue.definitions(self.definitions.generation).await? {
            self.shared.generation.store(newer.generation, Ordering::Relaxed);
            self.definitions = newer;
            self.published = None;
        }
        if self.published.is_none() {
            let edges = ports.catalogue.edges().await?;
            let published = edges.into_iter().filter(|record| record.published).map(|record| record.edge);
            self.published = Some(published.collect());
        }
        Ok(())
    }

    /// What has passed and is not known to be published, in the order of time, each with the route's flow.
    fn due(&self, now: Timestamp) -> Vec<(Edge, String)> {
        let published = |edge: &Edge| self.published.as_ref().is_some_and(|all| all.contains(edge));
        let mut due: Vec<(Edge, String)> = self
            .definitions
            .routes
            .iter()
            .flat_map(|route| edges(route).into_iter().map(|edge| (edge, route.flow_id.clone())))
            .filter(|(edge, _)| edge.at <= now && !published(edge))
            .collect();
        due.sort_by(|(a, _), (b, _)| (a.at, &a.edge, &a.route_id).cmp(&(b.at, &b.edge, &b.route_id)));
        due
    }

    /// Whether the edge is published, by this or another scheduler.
    async fn handle(&mut self, ports: &Ports, edge: &Edge, flow_id: &str) -> Result<bool, StoreError> {
        let record = ports.catalogue.record_edge(edge).await?;
        if !record.published {
            if let Err(error) = ports.bus.announce(notice(&record, flow_id)).await {
                tracing::warn!(route_id = masked(&edge.route_id), edge = edge.edge, %error, "An edge is not published yet");
                return Ok(false);
            }
            ports.catalogue.edge_published(edge).await?;
            metrics::edge(&edge.edge);
            tracing::info!(
                route_id = masked(&edge.route_id),
                edge = edge.edge,
                at = %edge.at,
                late_us = record.recorded_at.micros_since(edge.at),
                "A route's window has an edge"
            );
        }
        if let Some(published) = &mut self.published {
            published.insert(edge.clone());
        }
        Ok(true)
    }
}

fn edges(route: &Route) -> Vec<Edge> {
    let named = |(edge, at): (flow::route::Edge, Timestamp)| Edge {
        route_id: route.id.clone(),
        edge: edge.name().to_owned(),
        at,
    };
    route.edges().into_iter().map(named).collect()
}

/// The same bytes whoever publishes the edge: all of it comes from the record.
fn notice(record: &EdgeRecord, flow_id: &str) -> Message {
    let Edge { route_id, edge, at } = &record.edge;
    let kind = format!("route.{edge}");
    let id = hex(&EventKey::derive("signalbox", route_id, &format!("{edge}@{at}")).0[..16]);
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
