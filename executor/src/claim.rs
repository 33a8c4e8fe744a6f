//! The concurrency of an executor: which shard to claim from, how much, and what runs.
//!
//! A shard is *hungry* when it may have something: it rang, a claim came back full, or a look is due. Each shard has at
//! most one claim under way. When a shard that this executor looks after has suspects, nothing else is claimed until
//! everything held is done; then they come in groups, held alone, until none are left.

use crate::advance::{Fate, StoreTime, advance};
use crate::commit::release;
use crate::standing::{Enrolled, Standing};
use crate::{Executor, metrics};
use common::answer::until_answered;
use common::member::MemberId;
use common::ports::work::{Claim, Claimed, Row, Want};
use common::record::Suspect;
use common::{Shard, StoreError};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// So many one claim takes: the store works on one claim of a shard at a time.
const BATCH: usize = 64;
/// So many suspects are held together.
const GROUP: usize = 32;
/// How long after a probe of the broker the next one is made.
const PROBE_EVERY: Duration = Duration::from_secs(1);

pub struct Claims {
    executor: Arc<Executor>,
    standing: Standing,
    me: Option<Enrolled>,
    hungry: BTreeSet<Shard>,
    suspects: BTreeSet<Shard>,
    asking: FuturesUnordered<BoxFuture<'static, Answer>>,
    asked: BTreeSet<Shard>,
    reserved: usize,
    running: JoinSet<Fate>,
    held: HashMap<Id, Claim>,
    last: Shard,
    probed: Option<Duration>,
}

struct Answer {
    shard: Shard,
    worker: MemberId,
    want: Want,
    at: Duration,
    claimed: Result<Claimed, StoreError>,
}

impl Claims {
    pub fn new(executor: Arc<Executor>, standing: Standing) -> Claims {
        Claims {
            executor,
            standing,
            me: None,
            hungry: BTreeSet::new(),
            suspects: BTreeSet::new(),
            asking: FuturesUnordered::new(),
            asked: BTreeSet::new(),
            reserved: 0,
            running: JoinSet::new(),
            held: HashMap::new(),
            last: Shard(0),
            probed: None,
        }
    }

    /// Claims until `shutdown`, then lets go of everything within the grace period. Returns the id to strike from the
    /// roll, or `None` when something may still be held under it.
    pub async fn serve(&mut self, shutdown: &CancellationToken) -> Option<MemberId> {
        let executor = self.executor.clone();
        let clock = &executor.ports.clock;
        let mut bell = executor.ports.work.listen_ready().await;
        let mut look = clock.sleep(Duration::ZERO);
        loop {
            self.ask();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = &mut look => {
                    self.hungry.extend((0..executor.config.shards).map(Shard));
                    look = clock.sleep(executor.config.look);
                }
                () = self.standing.changed() => self.enroll(),
                shard = bell.rung() => if self.looks_after(shard) { self.hungry.insert(shard); },
                Some(answer) = self.asking.next() => self.take(answer),
                Some(done) = self.running.join_next_with_id() => self.done(done),
            }
        }
        self.stop().await
    }

    fn enroll(&mut self) {
        self.me = self.standing.now();
        let mine = self.me.as_ref().map(|me| me.shards.clone()).unwrap_or_default();
        self.suspects.retain(|shard| mine.contains(shard));
        self.hungry.extend(mine);
    }

    fn looks_after(&self, shard: Shard) -> bool {
        self.me.as_ref().is_some_and(|me| me.shards.contains(&shard))
    }

    /// Sends as many claims as there is room, hunger and permission for.
    fn ask(&mut self) {
        let Some(worker) = self.me.as_ref().map(|me| me.id) else { return };
        while let Some((shard, want)) = self.next() {
            self.hungry.remove(&shard);
            self.asked.insert(shard);
            self.reserved += want.max as usize;
            self.last = shard;
            self.asking.push(claim(self.executor.clone(), shard, worker, want).boxed());
        }
    }

    fn next(&self) -> Option<(Shard, Want)> {
        let alone = self.running.is_empty() && self.asking.is_empty();
        if self.executor.broker.is_away() {
            let due = self.probed.is_none_or(|at| self.now().saturating_sub(at) >= PROBE_EVERY);
            return (alone && due)
                .then(|| self.next_hungry())
                .flatten()
                .map(|shard| (shard, Want { max: 1, idle: true }));
        }
        if let Some(shard) = self.suspects.first() {
            return alone.then_some((*shard, Want { max: GROUP as u32, idle: true }));
        }
        let room = self.executor.config.capacity.saturating_sub(self.running.len() + self.reserved);
        if room == 0 {
            return None;
        }
        self.next_hungry().map(|shard| (shard, Want { max: room.min(BATCH) as u32, idle: false }))
    }

    /// In turn, so that no shard starves behind a busy one.
    fn next_hungry(&self) -> Option<Shard> {
        let behind = self.hungry.range((std::ops::Bound::Excluded(self.last), std::ops::Bound::Unbounded));
        behind.chain(&self.hungry).find(|shard| !self.asked.contains(shard)).copied()
    }

    fn take(&mut self, answer: Answer) {
        let Answer { shard, worker, want, at, claimed } = answer;
        self.asked.remove(&shard);
        self.reserved -= want.max as usize;
        match claimed {
            Ok(Claimed::Rows { now, rows, suspects }) => {
                let suspicious = rows.iter().filter(|row| row.record.suspect != Suspect::No).count();
                metrics::claimed(rows.len(), suspicious);
                self.judge(shard, want, suspicious, suspects);
                if rows.len() >= want.max as usize {
                    self.hungry.insert(shard);
                }
                if self.executor.broker.is_away() && !rows.is_empty() {
                    self.probed = Some(self.now());
                }
                rows.into_iter().for_each(|row| self.begin(row, StoreTime { told: now, at }));
            }
            Ok(Claimed::Dead) => {
                self.standing.dead(worker);
                self.me = self.me.take().filter(|me| me.id != worker);
            }
            Err(error) => {
                self.suspects.remove(&shard);
                tracing::error!(%shard, %error, "Could not claim from a shard");
            }
        }
        metrics::in_flight(self.running.len());
    }

    /// Whether the shard's suspects have to be dealt with, or have been.
    fn judge(&mut self, shard: Shard, want: Want, suspicious: usize, waiting: u64) {
        if want.idle && suspicious == 0 {
            self.suspects.remove(&shard);
        } else if waiting > 0 && self.looks_after(shard) && self.suspects.insert(shard) {
            tracing::warn!(%shard, suspects = waiting, "A worker died; what it held is tried in groups, alone");
        }
    }

    fn begin(&mut self, row: Row, time: StoreTime) {
        let executor = self.executor.clone();
        let claim = row.claim;
        let task = self.running.spawn(async move { advance(&executor, row, time).await });
        self.held.insert(task.id(), claim);
    }

    fn done(&mut self, done: Result<(Id, Fate), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let claim = self.held.remove(&id);
        if let (Err(error), Some(claim)) = (done, claim)
            && error.is_panic()
        {
            tracing::error!(
                activeflow_id = %claim.id,
                %error,
                "The work on an activeflow panicked; it becomes ready when its claim is too old"
            );
        }
        metrics::in_flight(self.running.len());
    }

    /// Most of the grace period is for finishing, the rest for giving back.
    async fn stop(&mut self) -> Option<MemberId> {
        let executor = self.executor.clone();
        let (clock, grace) = (&executor.ports.clock, executor.config.grace);
        tokio::select! {
            () = self.finish() => {}
            () = clock.sleep(grace * 3 / 4) => {}
        }
        let answered = self.asking.is_empty();
        self.running.abort_all();
        while let Some(done) = self.running.join_next_with_id().await {
            if done.is_ok() {
                self.done(done);
            }
        }
        let left: Vec<Claim> = self.held.drain().map(|(_, claim)| claim).collect();
        if !left.is_empty() {
            tracing::warn!(held = left.len(), "Grace period is nearly over; giving back what is held");
        }
        let back = futures_util::future::join_all(left.iter().map(|claim| release(&executor, claim)));
        let all_back = tokio::select! {
            back = back => back.into_iter().all(|back| back),
            () = clock.sleep(grace / 4) => false,
        };
        self.standing.now().map(|me| me.id).filter(|_| answered && all_back)
    }

    async fn finish(&mut self) {
        while !self.asking.is_empty() || !self.running.is_empty() {
            tokio::select! {
                Some(answer) = self.asking.next() => self.take(answer),
                Some(done) = self.running.join_next_with_id() => self.done(done),
            }
        }
    }

    fn now(&self) -> Duration {
        self.executor.ports.clock.monotonic()
    }
}

/// One claim, asked under one nonce until it is answered: rows of a lost answer come with the next.
async fn claim(executor: Arc<Executor>, shard: Shard, worker: MemberId, want: Want) -> Answer {
    let nonce = nonce();
    let (work, clock) = (&executor.ports.work, &*executor.ports.clock);
    let claimed = until_answered(clock, || work.claim(shard, worker, nonce, want)).await;
    Answer { shard, worker, want, at: clock.monotonic(), claimed }
}

fn nonce() -> u64 {
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&MemberId::random().as_bytes()[..8]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests;
