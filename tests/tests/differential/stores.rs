//! The three stores under one clock: the model, the embedded store, and a real Redis.

use super::operation::{Answer, FEED_LENGTH, Operation, perform};
use adapters::embedded::{self, Settings as OnDisk, Store as Embedded};
use adapters::memory::{Limits, ManualTime, Store as Memory};
use adapters::redis::{Server as Inspector, Settings, Store as Redis};
use common::member::{Member, MemberId};
use common::ports::{Members, StateStore};
use common::record::{Entry, State};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tests::support::folder::Folder;

pub const SHARDS: u16 = 4;
pub const START: i64 = 1_800_000_000_000_000;

pub struct Stores {
    time: ManualTime,
    memory: Memory,
    settings: OnDisk,
    folder: Folder,
    embedded: Arc<Embedded>,
    redis: Redis,
    url: String,
    /// Workers that claimed or sent heartbeats.
    workers: BTreeSet<MemberId>,
}

impl Stores {
    /// Three empty stores. Removes everything from the server at `url`.
    pub async fn new(url: &str) -> Stores {
        flush(url).await;
        let time = ManualTime::at(Timestamp::from_micros(START));
        let limits = Limits { feed_length: FEED_LENGTH, ..Limits::default() };
        let settings = OnDisk { limits, clock: Some(time.clone()), ..OnDisk::new(SHARDS) };
        let folder = Folder::new();
        let redis = Settings {
            clock: Some(time.clone()),
            feed_length: FEED_LENGTH,
            response_timeout: Duration::from_secs(60),
            ..Settings::new(url, SHARDS)
        };
        Stores {
            memory: Memory::new(SHARDS, limits, time.clone()),
            embedded: embedded::open(folder.path(), &settings).unwrap().store,
            redis: Redis::connect(redis).unwrap(),
            url: url.into(),
            workers: BTreeSet::new(),
            time,
            settings,
            folder,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    pub async fn run(&mut self, operation: &Operation) -> [Answer; 3] {
        match operation {
            Operation::Step(micros) => self.time.set(self.now().plus_micros(*micros)),
            Operation::Kill => {
                self.reopen();
                // Only a member's first heartbeat is written to disk: the living members send another.
                let members = self.memory.members().await.unwrap();
                return self.all(async |store| all_heartbeat(store, &members).await).await;
            }
            Operation::Restart => return self.restart().await,
            Operation::Claim { worker, .. } => _ = self.workers.insert(*worker),
            Operation::Heartbeat { me, .. } => _ = self.workers.insert(me.id),
            _ => {}
        }
        self.all(async |store| perform(store, operation).await).await
    }

    /// Performs reads on all stores.
    pub async fn read(&self, questions: &[Operation]) -> impl Iterator<Item = [Answer; 3]> {
        let of = async |store: &dyn StateStore| {
            join_all(questions.iter().map(|question| perform(store, question))).await
        };
        let (memory, embedded, redis) = tokio::join!(of(&self.memory), of(&*self.embedded), of(&self.redis));
        let both = memory.into_iter().zip(embedded).zip(redis);
        both.map(|((memory, embedded), redis)| [memory, embedded, redis])
    }

    async fn all(&self, call: impl AsyncFn(&dyn StateStore) -> Answer) -> [Answer; 3] {
        tokio::join!(call(&self.memory), call(&*self.embedded), call(&self.redis)).into()
    }

    /// Opens a copy of the folder as `kill -9` leaves it. Later writes of the earlier process do not reach the copy.
    fn reopen(&mut self) {
        self.folder = self.folder.copy();
        self.embedded = embedded::open(self.folder.path(), &self.settings).unwrap().store;
    }

    /// Restarts the embedded store, which releases the claims by itself. The other stores do the same through their ports.
    async fn restart(&mut self) -> [Answer; 3] {
        self.reopen();
        let mut holders: BTreeMap<Shard, BTreeSet<MemberId>> = BTreeMap::new();
        for found in self.memory.everything() {
            let held = found.record.state == State::Claimed;
            if let Some(token) = found.record.token.filter(|_| held) {
                holders.entry(found.id.shard(SHARDS)).or_default().insert(token.worker);
            }
        }
        let embedded = Answer::Counted(self.embedded.sweep_previous_processes().await.unwrap());
        let memory = sweep_all(&self.memory, &holders, &self.workers).await;
        [memory, embedded, sweep_all(&self.redis, &holders, &self.workers).await]
    }

    pub fn known(&self) -> Vec<ActiveflowId> {
        self.memory.everything().iter().map(|found| found.id).collect()
    }

    /// # Errors
    /// Names the first activeflow that is not in exactly one index of the model or the embedded store.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.memory.check_invariants()?;
        self.embedded.check_invariants()
    }

    /// Number of Redis keys per kind: as the model requires, and as Redis has them.
    pub async fn leftovers(&self) -> [BTreeMap<&'static str, u64>; 2] {
        let everything = self.memory.everything();
        let held = |has: fn(&common::ports::lookup::ActiveflowSnapshot) -> bool| {
            everything.iter().filter(|found| has(found)).count() as u64
        };
        let of_model = BTreeMap::from([
            ("a", everything.len() as u64),
            ("e", everything.len() as u64),
            // The trigger of an activeflow that made no transition yet is not in the list.
            (
                "i",
                held(|found| {
                    found.inbox.iter().any(|entry| found.record.version > 0 || *entry != Entry::Trigger)
                }),
            ),
            ("o", held(|found| !found.outbox.is_empty())),
            ("j", held(|found| !found.journal.is_empty())),
            ("k", held(|found| found.control.is_some())),
        ]);
        let footprints =
            Inspector::connect(&self.url.as_str().into()).await.unwrap().footprints().await.unwrap();
        let keys = |kind| footprints.get(kind).map_or(0, |footprint| footprint.keys);
        let of_redis = of_model.keys().map(|kind| (*kind, keys(*kind))).collect();
        [of_model, of_redis]
    }
}

async fn all_heartbeat(store: &dyn StateStore, members: &[Member]) -> Answer {
    for member in members {
        store.heartbeat(&Member { heartbeats: member.heartbeats + 1, ..member.clone() }, &[]).await.unwrap();
    }
    perform(store, &Operation::Members).await
}

async fn sweep_all(
    store: &dyn StateStore,
    holders: &BTreeMap<Shard, BTreeSet<MemberId>>,
    workers: &BTreeSet<MemberId>,
) -> Answer {
    let mut freed = 0;
    for (shard, dead) in holders {
        let dead: Vec<MemberId> = dead.iter().copied().collect();
        loop {
            let swept = store.sweep(*shard, &dead).await.unwrap();
            freed += swept.suspects;
            if swept.suspects == 0 || !swept.more {
                break;
            }
        }
    }
    for worker in workers {
        store.leave(*worker).await.unwrap();
    }
    Answer::Counted(freed)
}

async fn flush(url: &str) {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
}
