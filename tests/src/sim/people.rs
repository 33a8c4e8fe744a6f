//! Who looks after an installation: operators who pause, stop, retry and deploy, and an archive that follows the feed.

use super::CUSTOMER;
use super::process::Process;
use super::store::{self, SimStore};
use super::time::ProcessClock;
use super::world::{SHARDS, World};
use crate::carrier::Dice;
use api::publish::{Deployment, deploy};
use common::answer::until_answered;
use common::ports::catalogue::Published;
use common::ports::lookup::ListQuery;
use common::ports::work::Control;
use common::ports::{Catalogue, Lookup, Members};
use common::{ActiveflowId, Shard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A person at the console, or a program that uses the API: of the newest release.
pub struct Person {
    world: Arc<World>,
    store: SimStore,
    clock: ProcessClock,
    dice: Dice,
}

impl Person {
    pub fn new(world: &Arc<World>, name: &str, mut dice: Dice) -> Person {
        let process = Process::person(name);
        let store = store::seen_by(&process, world);
        let clock = ProcessClock::new(world.time.clone(), Dice::new(dice.throw(), 1));
        Person { world: world.clone(), store, clock, dice }
    }

    /// Pauses one and lets it go on, which changes no story, or stops a call; answers with whom it stopped.
    pub async fn meddle(&mut self, times: u64) -> BTreeSet<String> {
        let mut stopped = BTreeSet::new();
        for _ in 0..times {
            self.rest(5_000, 30_000).await;
            let live = self.world.audit(|audit| audit.live());
            if live.is_empty() {
                continue;
            }
            let (subject, id) = self.dice.pick(&live).clone();
            if self.dice.percent(25) && subject.starts_with("call") {
                self.ask(id, &subject, Control::Stop).await;
                stopped.insert(subject);
            } else {
                self.ask(id, &subject, Control::Pause).await;
                self.look(id).await;
                self.rest(500, 3_000).await;
                self.ask(id, &subject, Control::Resume).await;
            }
        }
        stopped
    }

    /// Tries again what is quarantined or was rejected as poison; a call whose caller heard nothing for so long is stopped.
    /// Answers with whose it was.
    pub async fn pardon(&mut self) -> Vec<String> {
        let quarantined = self.world.audit(|audit| audit.quarantined());
        for (subject, id) in &quarantined {
            let control = if subject.starts_with("call") { Control::Stop } else { Control::Retry };
            self.ask(*id, subject, control).await;
        }
        let replayed = self.world.broker.replay_poison();
        for event in &replayed {
            self.world.say(format!("the operator replays {}", event.message_id));
            self.world.audit(|audit| audit.unheard(&event.body));
        }
        let subjects = quarantined.into_iter().map(|(subject, _)| subject);
        subjects.chain(replayed.into_iter().map(|event| event.reference)).collect()
    }

    /// Deploys `name` so many times, each time a little changed, as the API does.
    pub async fn deploy(&mut self, name: &str, document: &str, times: u64) {
        for time in 0..times {
            self.rest(3_000, 25_000).await;
            let changed = document.replace("\"duration\": 9000", &format!("\"duration\": {}", 9001 + time));
            self.publish(name, &changed).await;
            self.world.say(format!("version {} of {name} is deployed", time + 2));
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

    /// Follows the feed and the member list, and trims what it has; never returns.
    pub async fn archive(&mut self) {
        let mut places = vec![String::new(); usize::from(SHARDS)];
        loop {
            self.rest(500, 4_000).await;
            let _ = until_answered(&self.clock, || self.store.members()).await;
            for shard in 0..SHARDS {
                let place = &mut places[usize::from(shard)];
                let read = until_answered(&self.clock, || self.store.feed(Shard(shard), place, 20)).await;
                let read = read.unwrap_or_default();
                for entry in &read {
                    self.world.audit(|audit| audit.archived(entry));
                }
                let Some(last) = read.last() else { continue };
                place.clone_from(&last.position);
                if self.dice.percent(50) {
                    let _ = until_answered(&self.clock, || self.store.trim(Shard(shard), place)).await;
                }
            }
        }
    }

    async fn ask(&mut self, id: ActiveflowId, subject: &str, control: Control) {
        self.world.say(format!("an operator wants {control:?} of {subject}"));
        let asked = until_answered(&self.clock, || self.store.control(id, &control)).await;
        self.world.say(format!("the operator is told {asked:?}"));
    }

    async fn look(&self, id: ActiveflowId) {
        let _ = until_answered(&self.clock, || self.store.get(id)).await;
        let page = ListQuery { customer_id: CUSTOMER.into(), before: None, limit: 20 };
        let _ = until_answered(&self.clock, || self.store.list(&page)).await;
    }

    async fn rest(&mut self, low: u64, high: u64) {
        let rest: Duration = self.dice.millis(low, high);
        self.world.time.sleep(rest).await;
    }
}
