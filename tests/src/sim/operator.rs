//! Clients of the engine: operators that pause, stop, retry and deploy, and an archive that follows the feed.

use super::CUSTOMER;
use super::process::Process;
use super::simulation::{SHARDS, Simulation};
use super::store::{self, SimStore};
use super::time::ProcessClock;
use crate::rng::Rng;
use api::publish::{Deployment, deploy};
use common::ports::catalogue::Published;
use common::ports::lookup::{ControlRequest, ListQuery};
use common::ports::work::Control;
use common::ports::{Catalogue, Lookup, Members};
use common::retry::until_answered;
use common::{ActiveflowId, Shard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A client that uses the newest release: an operator's console, or a program.
pub struct Operator {
    simulation: Arc<Simulation>,
    store: SimStore,
    clock: ProcessClock,
    rng: Rng,
    name: String,
    /// Number of control requests so far.
    requests: u64,
}

impl Operator {
    pub fn new(simulation: &Arc<Simulation>, name: &str, mut rng: Rng) -> Operator {
        let process = Process::external(name);
        let store = store::seen_by(&process, simulation);
        let clock = ProcessClock::new(simulation.time.clone(), Rng::new(rng.throw(), 1));
        Operator { simulation: simulation.clone(), store, clock, rng, name: name.into(), requests: 0 }
    }

    /// Pauses and resumes activeflows, which must not change their commands, or stops calls. Returns the subjects that it
    /// stopped.
    pub async fn intervene(&mut self, times: u64) -> BTreeSet<String> {
        let mut stopped = BTreeSet::new();
        for _ in 0..times {
            self.rest(5_000, 30_000).await;
            let live = self.simulation.audit(|audit| audit.live());
            if live.is_empty() {
                continue;
            }
            let (subject, id) = self.rng.pick(&live).clone();
            if self.rng.percent(25) && subject.starts_with("call") {
                self.ask(id, &subject, Control::Stop).await;
                stopped.insert(subject);
            } else {
                self.ask(id, &subject, Control::Pause).await;
                self.read(id).await;
                self.rest(500, 3_000).await;
                self.ask(id, &subject, Control::Resume).await;
            }
        }
        stopped
    }

    /// Retries quarantined activeflows, stops quarantined calls, whose callers have hung up by now, and replays events that
    /// were rejected as poison. Returns the subjects.
    pub async fn recover_quarantined(&mut self) -> Vec<String> {
        let quarantined = self.simulation.audit(|audit| audit.quarantined());
        for (subject, id) in &quarantined {
            let control = if subject.starts_with("call") { Control::Stop } else { Control::Retry };
            self.ask(*id, subject, control).await;
        }
        let replayed = self.simulation.broker.replay_poison();
        for event in &replayed {
            self.simulation.log(format!("the operator replays {}", event.message_id));
            self.simulation.audit(|audit| audit.unheard(&event.body));
        }
        let subjects = quarantined.into_iter().map(|(subject, _)| subject);
        subjects.chain(replayed.into_iter().map(|event| event.reference)).collect()
    }

    /// Deploys `name` `times` times, each time with a small change, as the API does.
    pub async fn deploy(&mut self, name: &str, document: &str, times: u64) {
        for repetition in 0..times {
            self.rest(3_000, 25_000).await;
            let changed =
                document.replace("\"duration\": 9000", &format!("\"duration\": {}", 9001 + repetition));
            self.publish(name, &changed).await;
            self.simulation.log(format!("version {} of {name} is deployed", repetition + 2));
        }
    }

    async fn publish(&mut self, name: &str, document: &str) {
        loop {
            let now = until_answered(&self.clock, || self.store.now()).await;
            let definitions = until_answered(&self.clock, || self.store.definitions(0)).await;
            let (Ok(now), Ok(Some(definitions))) = (now, definitions) else { continue };
            let deployment = Deployment { customer_id: CUSTOMER, name, document, routes: &[], now };
            let effect = deploy(&definitions, &BTreeMap::new(), &deployment)
                .unwrap_or_else(|why| panic!("{name}: {why:?}"));
            let Some(effect) = effect else { return };
            let published = until_answered(&self.clock, || self.store.publish(&effect.publication)).await;
            if matches!(published, Ok(Published::Done)) {
                return;
            }
        }
    }

    /// Reads the feed and the member list, and trims the entries that it has read. Never returns.
    pub async fn follow_feed(&mut self) {
        let mut positions = vec![String::new(); usize::from(SHARDS)];
        loop {
            self.rest(500, 4_000).await;
            let _ = until_answered(&self.clock, || self.store.members()).await;
            for shard in 0..SHARDS {
                let position = &mut positions[usize::from(shard)];
                let read = until_answered(&self.clock, || self.store.feed(Shard(shard), position, 20)).await;
                let read = read.unwrap_or_default();
                for entry in &read {
                    self.simulation.audit(|audit| audit.archived(entry));
                }
                let Some(last) = read.last() else { continue };
                position.clone_from(&last.position);
                if self.rng.percent(50) {
                    let _ = until_answered(&self.clock, || self.store.trim(Shard(shard), position)).await;
                }
            }
        }
    }

    async fn ask(&mut self, id: ActiveflowId, subject: &str, control: Control) {
        self.simulation.log(format!("an operator asks for {control:?} of {subject}"));
        self.requests += 1;
        let request = ControlRequest::new(id, &self.name, &self.requests.to_string(), &control);
        let answer = until_answered(&self.clock, || self.store.control_once(id, &control, &request)).await;
        self.simulation.log(format!("the answer to the operator is {answer:?}"));
    }

    async fn read(&self, id: ActiveflowId) {
        let _ = until_answered(&self.clock, || self.store.get(id)).await;
        let page = ListQuery { customer_id: CUSTOMER.into(), before: None, limit: 20 };
        let _ = until_answered(&self.clock, || self.store.list(&page)).await;
    }

    async fn rest(&mut self, low: u64, high: u64) {
        let rest: Duration = self.rng.millis(low, high);
        self.simulation.time.sleep(rest).await;
    }
}
