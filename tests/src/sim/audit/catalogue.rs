//! What was deployed, and which transitions of windows were recorded and told of.

use super::super::promise::Promise;
use super::Audit;
use common::command::Message;
use common::ports::catalogue::{Publication, Published, RouteTransitionRecord};
use flow::{Definitions, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Catalogue {
    definitions: Definitions,
    bundles: BTreeSet<String>,
    recorded: BTreeMap<String, RouteTransitionRecord>,
    /// Told of transitions, by id.
    told: BTreeMap<String, Message>,
    /// Of these, the ones that the broker has, by route, transition and time.
    at_broker: BTreeSet<String>,
}

impl Catalogue {
    pub fn has_bundle(&self, hash: &[u8; 32]) -> bool {
        self.bundles.contains(&common::identity::hex(hash))
    }
}

impl Audit {
    pub fn published(&mut self, publication: &Publication, answer: Published) {
        let known = &mut self.catalogue;
        let repeated = publication.definitions == known.definitions;
        if answer != Published::Done || repeated {
            return;
        }
        let (old, new) = (&known.definitions, &publication.definitions);
        let next = new.generation == old.generation + 1;
        let kept = old
            .flows
            .iter()
            .all(|(id, flow)| new.flows.get(id).is_some_and(|newer| newer.version >= flow.version));
        self.promises.demand(Promise::Definitions, next && kept, || {
            format!("generation {} → {}, all flows still there: {kept}", old.generation, new.generation)
        });
        known.bundles.extend(publication.bundles.iter().map(|(hash, _)| hash.clone()));
        known.definitions = new.clone();
    }

    /// How often a flow was deployed, by what was published last.
    pub fn version_of(&self, name: &str) -> u32 {
        let mut flows = self.catalogue.definitions.flows.values();
        flows.find(|flow| flow.name == name).map_or(0, |flow| flow.version)
    }

    /// A scheduler's record of a transition took effect at the store's `now`, the latest time that the store ever had.
    pub fn route_transition_recorded(&mut self, record: &RouteTransitionRecord, now: Timestamp) {
        let transition = &record.transition;
        let known = self.catalogue.recorded.entry(place(transition)).or_insert_with(|| record.clone());
        let same = known.recorded_at == record.recorded_at;
        self.promises.demand(Promise::Windows, transition.at <= now && same, || {
            format!(
                "{} {} of {} was recorded at {now}, again otherwise: {}",
                transition.route_id, transition.transition, transition.at, !same
            )
        });
    }

    pub fn route_transition_marked(&mut self, transition: &common::ports::catalogue::RouteTransition) {
        let told = self.catalogue.at_broker.contains(&place(transition));
        self.promises.demand(Promise::Windows, told, || {
            format!(
                "{} {} is marked as published and the broker never had it",
                transition.route_id, transition.transition
            )
        });
    }

    /// A scheduler tells of a transition.
    pub fn announced(&mut self, message: &Message) {
        let known = self.catalogue.told.entry(message.id.clone()).or_insert_with(|| message.clone());
        let same = known == message;
        self.promises
            .demand(Promise::Windows, same, || format!("{} is told of with other bytes", message.id));
    }

    pub fn announcement_stored(&mut self, message: &Message) {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let text = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
        let transition = message.routing_key.rsplit('.').next().unwrap_or_default();
        self.catalogue.at_broker.insert(format!("{} {transition} {}", text("route_id"), text("at")));
    }

    /// The transitions that have passed at `now` and of which nobody was told.
    pub fn untold(&self, now: Timestamp) -> Vec<String> {
        let routes = self.catalogue.definitions.routes.iter();
        let transitions = routes.flat_map(|route| {
            route
                .transitions()
                .into_iter()
                .map(move |(transition, at)| (format!("{} {} {at}", route.id, transition.name()), at))
        });
        let due = transitions.filter(|(_, at)| *at <= now);
        due.map(|(transition, _)| transition)
            .filter(|transition| !self.catalogue.at_broker.contains(transition))
            .collect()
    }
}

fn place(transition: &common::ports::catalogue::RouteTransition) -> String {
    format!("{} {} {}", transition.route_id, transition.transition, transition.at)
}
