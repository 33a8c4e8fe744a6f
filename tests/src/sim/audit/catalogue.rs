//! Deployments, and the recorded and announced transitions of windows.

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
    /// Announcements, by message id.
    announced: BTreeMap<String, Message>,
    /// Announcements that the broker has stored, by route, transition and time.
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
        self.promises.check(Promise::Definitions, next && kept, || {
            format!("generation {} → {}, all flows still there: {kept}", old.generation, new.generation)
        });
        known.bundles.extend(publication.bundles.iter().map(|(hash, _)| hash.clone()));
        known.definitions = new.clone();
    }

    /// The flow's version in the latest publication.
    pub fn version_of(&self, name: &str) -> u32 {
        let mut flows = self.catalogue.definitions.flows.values();
        flows.find(|flow| flow.name == name).map_or(0, |flow| flow.version)
    }

    /// Checks a transition that was recorded at `now`, the latest time that the store's clock has shown.
    pub fn route_transition_recorded(&mut self, record: &RouteTransitionRecord, now: Timestamp) {
        let transition = &record.transition;
        let known = self.catalogue.recorded.entry(key(transition)).or_insert_with(|| record.clone());
        let same = known.recorded_at == record.recorded_at;
        self.promises.check(Promise::Windows, transition.at <= now && same, || {
            format!(
                "{} {} of {} was recorded at {now}; differs from the first record: {}",
                transition.route_id, transition.transition, transition.at, !same
            )
        });
    }

    pub fn route_transition_marked(&mut self, transition: &common::ports::catalogue::RouteTransition) {
        let stored = self.catalogue.at_broker.contains(&key(transition));
        self.promises.check(Promise::Windows, stored, || {
            format!(
                "{} {} is marked as published but the broker never stored it",
                transition.route_id, transition.transition
            )
        });
    }

    /// Checks an announcement of a transition.
    pub fn announced(&mut self, message: &Message) {
        let known = self.catalogue.announced.entry(message.id.clone()).or_insert_with(|| message.clone());
        let same = known == message;
        self.promises
            .check(Promise::Windows, same, || format!("{} is announced with other bytes", message.id));
    }

    pub fn announcement_stored(&mut self, message: &Message) {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let text = |name: &str| body["data"][name].as_str().unwrap_or_default().to_owned();
        let transition = message.routing_key.rsplit('.').next().unwrap_or_default();
        self.catalogue.at_broker.insert(format!("{} {transition} {}", text("route_id"), text("at")));
    }

    /// Transitions that had passed at `now` but were never announced.
    pub fn unannounced(&self, now: Timestamp) -> Vec<String> {
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

fn key(transition: &common::ports::catalogue::RouteTransition) -> String {
    format!("{} {} {}", transition.route_id, transition.transition, transition.at)
}
