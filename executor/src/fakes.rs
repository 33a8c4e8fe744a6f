//! A harness for the executor's tests: a store with scripted shards, a bus with scripted confirms, and one log of both.
//! The catalogue is the in-memory model.

mod fixtures;

pub use fixtures::{bundle, digit, event, incoming, message, row, spec, stuck};

use crate::config::Config;
use crate::eager::EagerStarts;
use crate::executor::Executor;
use crate::ports::Ports;
use adapters::memory::{Limits, ManualTime, Store};
use async_trait::async_trait;
use common::command::Message;
use common::identity::hex;
use common::member::{Member, MemberId};
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::catalogue::{Publication, Published};
use common::ports::work::{
    Claim, ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Row, Transition, Wakeups,
};
use common::ports::{Bus, Catalogue, Clock, Members, Work};
use common::record::{Entry, Suspect};
use common::{ActiveflowId, BusError, Shard, StoreError};
use flow::{Bundle, Definitions, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
pub struct Harness {
    model: Model,
    pub eager: Arc<EagerStarts>,
    /// All calls, in order: `commit 0: 1 inputs, 1 commands, Keep`, `publish 1`, `finish 1: 0 left, Park`, ...
    pub log: Mutex<Vec<String>>,
    /// The published commands.
    pub published: Mutex<Vec<Message>>,
    /// The first answers to publishing; after these everything is confirmed. `None` never answers.
    pub confirms: Mutex<VecDeque<Option<Result<(), BusError>>>>,
    /// Rows that are ready, in the order of claims.
    pub ready: Mutex<BTreeMap<Shard, Vec<Row>>>,
    /// Groups of suspects, which only a claim with `idle` returns.
    pub suspects: Mutex<BTreeMap<Shard, VecDeque<Vec<Row>>>>,
    /// The claimed rows. A released row is ready again.
    pub claimed: Mutex<BTreeMap<ActiveflowId, Row>>,
    /// Inputs that arrive during the first commit or finish that would park.
    pub more: Mutex<Option<Vec<Entry>>>,
    /// Refusals of the first commits with messages: what is left of each pair.
    pub limited: Mutex<VecDeque<Vec<u32>>>,
    /// Committing panics.
    pub panics: AtomicBool,
    /// Every claim belongs to another worker.
    pub fenced: AtomicBool,
    /// The worker that claims next is declared dead.
    pub dies: AtomicBool,
    pub dead: Mutex<BTreeSet<MemberId>>,
    /// The bus is down.
    pub down: AtomicBool,
    time: Mutex<Duration>,
}

/// The in-memory model.
struct Model(Arc<Store>);

impl Default for Model {
    fn default() -> Self {
        Model(Arc::new(Store::new(2, Limits::default(), ManualTime::default())))
    }
}

impl Harness {
    pub fn executor(self: &Arc<Self>) -> Executor {
        Executor::new(self.ports(), config())
    }

    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            work: self.clone(),
            catalogue: self.model.0.clone(),
            members: self.clone(),
            bus: self.clone(),
            clock: self.clone(),
            eager: self.eager.clone(),
        }
    }

    /// Stores a bundle under a hash, which need not be its own.
    pub async fn publish_bundle(&self, hash: [u8; 32], bundle: &Bundle) {
        let definitions = Definitions { generation: 1, ..Definitions::default() };
        let bundles = vec![(hex(&hash), bundle.to_bytes().to_vec())];
        let published = self.model.0.publish(&Publication { definitions, bundles }).await.unwrap();
        assert_eq!(published, Published::Done);
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub fn note(&self, line: impl Into<String>) {
        self.log.lock().unwrap().push(line.into());
    }

    fn outcome(&self, claim: &Claim, version: u64, after: &Disposition) -> CommitOutcome {
        if self.fenced.load(Ordering::Relaxed) {
            return CommitOutcome::Fenced;
        }
        if let Disposition::Park { .. } = after
            && let Some(inbox) = self.more.lock().unwrap().take()
        {
            return CommitOutcome::More { version, inbox, control: None };
        }
        if *after == Disposition::KeepClaim {
            return CommitOutcome::ClaimKept { version };
        }
        self.claimed.lock().unwrap().remove(&claim.id);
        CommitOutcome::Released { version }
    }
}

pub fn config() -> Config {
    let second = Duration::from_secs(1);
    Config {
        instance: "test".into(),
        shards: 2,
        capacity: 64,
        resumes: 4,
        actions_per_commit: flow::limits::ACTIONS_PER_STEP,
        messages_per_minute: 20,
        confirm_timeout: 10 * second,
        bundles: 4,
        heartbeat_interval: second,
        poll_interval: second,
        lease: 10 * second,
        retry_after: second,
        shutdown_grace: 4 * second,
    }
}

/// The broker's answer when a queue is full.
pub fn nacked() -> Option<Result<(), BusError>> {
    Some(Err(BusError::Nacked { to: "commands".into() }))
}

fn name(after: &Disposition) -> &'static str {
    match after {
        Disposition::KeepClaim => "Keep",
        Disposition::Park { .. } => "Park",
        Disposition::Pause => "Pause",
        Disposition::Yield => "Yield",
        Disposition::End { .. } => "End",
    }
}

#[async_trait]
impl Work for Harness {
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        _: u64,
        want: ClaimRequest,
    ) -> Result<Claimed, StoreError> {
        let mut dead = self.dead.lock().unwrap();
        if self.dies.swap(false, Ordering::Relaxed) {
            dead.insert(worker);
        }
        if dead.contains(&worker) {
            return Ok(Claimed::Dead);
        }
        let mut suspects = self.suspects.lock().unwrap();
        let groups = suspects.entry(shard).or_default();
        let rows = match want.idle.then(|| groups.pop_front()).flatten() {
            Some(group) => group,
            None => {
                let mut ready = self.ready.lock().unwrap();
                let lane = ready.entry(shard).or_default();
                let taken = lane.len().min(want.max as usize);
                lane.drain(..taken).collect()
            }
        };
        let mut claimed = self.claimed.lock().unwrap();
        if want.idle {
            self.note(format!("idle claim of {shard} holding {}", claimed.len()));
        } else if claimed.keys().any(|id| id.as_bytes()[0] >= 100) {
            self.note("claimed beside suspects");
        }
        claimed.extend(rows.iter().map(|row| (row.claim.id, row.clone())));
        let waiting = groups.iter().map(|group| group.len() as u64).sum();
        Ok(Claimed::Rows { now: Timestamp::default(), rows, suspects: waiting })
    }
    async fn commit(
        &self,
        c: &Claim,
        v: u64,
        t: &Transition,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        let control = t.control.as_ref().map_or(String::new(), |control: &Control| format!(" {control:?}"));
        let (consumed, commands) = (t.consumed, t.commands.len());
        assert!(!self.panics.load(Ordering::Relaxed), "scripted");
        self.note(format!("commit {v}: {consumed} inputs, {commands} commands, {}{control}", name(after)));
        let refusal =
            if t.messages.pairs.is_empty() { None } else { self.limited.lock().unwrap().pop_front() };
        if let Some(left) = refusal {
            return Ok(CommitOutcome::RateLimited { left });
        }
        Ok(self.outcome(c, v + 1, after))
    }
    async fn finish(
        &self,
        c: &Claim,
        v: u64,
        unsettled: u32,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        self.note(format!("finish {v}: {unsettled} left, {}", name(after)));
        Ok(self.outcome(c, v, after))
    }
    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.note("release");
        let Some(row) = self.claimed.lock().unwrap().remove(&claim.id) else { return Ok(()) };
        match row.record.suspect {
            Suspect::No => self.ready.lock().unwrap().entry(claim.shard).or_default().push(row),
            _ => self.suspects.lock().unwrap().entry(claim.shard).or_default().push_back(vec![row]),
        }
        Ok(())
    }

    fn written_format(&self) -> u8 {
        common::record::FORMAT
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        Box::new(Silent)
    }
}

struct Silent;

#[async_trait]
impl Wakeups for Silent {
    async fn next(&mut self) -> Shard {
        std::future::pending().await
    }
}

#[async_trait]
impl Bus for Harness {
    async fn consume(&self) -> Box<dyn Deliveries> {
        unreachable!("an executor consumes no events")
    }
    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm> {
        let publish = |message: Message| -> Confirm {
            self.note(format!("publish {}", message.id.rsplit(':').next().unwrap()));
            self.published.lock().unwrap().push(message);
            match self.confirms.lock().unwrap().pop_front().unwrap_or(Some(Ok(()))) {
                Some(answer) => Box::pin(std::future::ready(answer)),
                None => Box::pin(std::future::pending()),
            }
        };
        commands.into_iter().map(publish).collect()
    }
    fn announce(&self, _: Message) -> Confirm {
        unreachable!("an executor announces nothing")
    }
    fn reject(&self, _: Rejection) -> Confirm {
        unreachable!("an executor rejects nothing")
    }
    fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Members for Harness {
    async fn heartbeat(&self, me: &Member, _: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        Ok(vec![me.clone()])
    }
    async fn leave(&self, _: MemberId) -> Result<(), StoreError> {
        self.note("leave");
        Ok(())
    }
    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        unreachable!("an executor reads the members with its heartbeat")
    }
}

/// Sleeping advances the time, after all ready tasks have run.
#[async_trait]
impl Clock for Harness {
    fn monotonic(&self) -> Duration {
        *self.time.lock().unwrap()
    }
    async fn sleep(&self, duration: Duration) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        *self.time.lock().unwrap() += duration;
    }
}

/// A harness whose catalogue has the bundle.
pub async fn harness() -> Arc<Harness> {
    let harness = Harness::default();
    harness.publish_bundle(spec().bundle, &bundle()).await;
    Arc::new(harness)
}
