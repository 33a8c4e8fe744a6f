//! The concurrency of an executor: claims while there is room, runs what it holds, lets go at the end.

use crate::advance::{AdvanceOutcome, StoreTime, advance};
use crate::claim_scheduler::{ClaimResult, ClaimScheduler, Group};
use crate::commit::release;
use crate::membership::{Assignment, Membership};
use crate::{Executor, metrics};
use common::answer::until_answered;
use common::member::MemberId;
use common::ports::work::{Claim, Claimed, Row, Want};
use common::record::Suspect;
use common::{ActiveflowId, Shard, StoreError};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// So many times `retry_after` the suspects of a shard rest of which none could move.
const REST: u32 = 10;
/// So often an activeflow whose work panicked is given back at once; then it is left until its claim is too old.
const PANICS: u32 = 3;
/// Of so many activeflows panics are remembered.
const PANICKED: usize = 1_024;

pub struct Claims {
    executor: Arc<Executor>,
    membership: Membership,
    me: Option<Assignment>,
    scheduler: ClaimScheduler,
    /// The suspects that are held; nothing else is.
    group: Option<Group>,
    asking: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Of the last claim. Grows: a claim that a dead connection delivers late is older than the last one.
    nonce: u64,
    running: JoinSet<AdvanceOutcome>,
    held: HashMap<Id, RunningTask>,
    /// Whether the bus was up when it was looked at last.
    bus_up: bool,
    /// How often the work on an activeflow panicked.
    panicked: HashMap<ActiveflowId, u32>,
}

struct RunningTask {
    claim: Claim,
    /// It is one of the group.
    suspect: bool,
}

struct Answer {
    shard: Shard,
    worker: MemberId,
    want: Want,
    at: Duration,
    claimed: Result<Claimed, StoreError>,
}

impl Claims {
    pub fn new(executor: Arc<Executor>, membership: Membership) -> Claims {
        let rest = executor.config.retry_after * REST;
        Claims {
            executor,
            membership,
            me: None,
            scheduler: ClaimScheduler::new(rest),
            group: None,
            asking: FuturesUnordered::new(),
            nonce: 0,
            running: JoinSet::new(),
            held: HashMap::new(),
            bus_up: true,
            panicked: HashMap::new(),
        }
    }

    /// Claims until `shutdown`, then lets go of everything within the grace period. Returns the id to strike from the
    /// members, or `None` when something may still be held under it.
    pub async fn serve(&mut self, shutdown: &CancellationToken) -> Option<MemberId> {
        let executor = self.executor.clone();
        let clock = &executor.ports.clock;
        let mut wakeups = executor.ports.work.listen_ready().await;
        let mut look = clock.sleep(Duration::ZERO);
        loop {
            self.ask();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                () = &mut look => {
                    self.scheduler.mark_ready((0..executor.config.shards).map(Shard));
                    look = clock.sleep(executor.config.poll_interval);
                }
                () = self.membership.changed() => self.enroll(),
                shard = wakeups.next() => if self.looks_after(shard) { self.scheduler.mark_ready([shard]); },
                Some(answer) = self.asking.next() => self.take(answer),
                Some(done) = self.running.join_next_with_id() => self.done(done),
            }
        }
        self.stop().await
    }

    fn enroll(&mut self) {
        self.me = self.membership.now();
        let mine = self.me.as_ref().map(|me| me.shards.clone()).unwrap_or_default();
        self.scheduler.assign(&mine);
        self.scheduler.mark_ready(mine);
    }

    fn looks_after(&self, shard: Shard) -> bool {
        self.me.as_ref().is_some_and(|me| me.shards.contains(&shard))
    }

    /// Sends as many claims as there is room, scheduler and permission for.
    fn ask(&mut self) {
        let Some(worker) = self.me.as_ref().map(|me| me.id) else { return };
        while let Some((shard, want)) = self.next() {
            self.nonce += 1;
            self.asking.push(claim(self.executor.clone(), shard, worker, self.nonce, want).boxed());
        }
    }

    fn next(&mut self) -> Option<(Shard, Want)> {
        let bus_up = self.executor.ports.bus.is_up();
        let was_up = std::mem::replace(&mut self.bus_up, bus_up);
        if bus_up && !was_up {
            self.scheduler.probe_again();
        }
        if self.group.is_some() {
            return None;
        }
        let (running, now) = (self.running.len(), self.executor.ports.clock.monotonic());
        if self.executor.broker.is_away() {
            return self.scheduler.next_probe(running, now);
        }
        self.scheduler.next(running, self.executor.config.capacity, now)
    }

    fn take(&mut self, answer: Answer) {
        let Answer { shard, worker, want, at, claimed } = answer;
        match claimed {
            Ok(Claimed::Rows { now, rows, suspects }) => {
                let suspicious = rows.iter().filter(|row| row.record.suspect != Suspect::No).count();
                metrics::claimed(rows.len(), suspicious);
                let brought = ClaimResult { rows: rows.len(), suspicious, waiting: suspects };
                if self.scheduler.answered(shard, want, brought, self.looks_after(shard)) {
                    tracing::warn!(%shard, suspects, "A worker died; what it held is tried in groups, alone");
                }
                if self.executor.broker.is_away() && !rows.is_empty() {
                    self.scheduler.probed(at);
                }
                if suspicious > 0 {
                    self.group = Some(Group { shard, since: at, left: rows.len(), moved: 0, given_back: 0 });
                }
                let time = StoreTime { told: now, at };
                rows.into_iter().for_each(|row| self.begin(row, time, suspicious > 0));
            }
            Ok(Claimed::Dead) => {
                self.scheduler.failed(shard, want);
                self.membership.dead(worker);
                self.me = self.me.take().filter(|me| me.id != worker);
            }
            Err(error) => {
                self.scheduler.failed(shard, want);
                tracing::error!(%shard, %error, "Could not claim from a shard");
            }
        }
        metrics::in_flight(self.running.len());
    }

    fn begin(&mut self, row: Row, time: StoreTime, suspect: bool) {
        let executor = self.executor.clone();
        let claim = row.claim;
        let task = self.running.spawn(async move { advance(&executor, row, time).await });
        self.held.insert(task.id(), RunningTask { claim, suspect });
    }

    fn done(&mut self, done: Result<(Id, AdvanceOutcome), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(RunningTask { claim, suspect }) = self.held.remove(&id) else { return };
        let outcome = done.as_ref().map(|(_, outcome)| *outcome).unwrap_or(AdvanceOutcome::Released);
        if suspect {
            self.one_of_the_group(outcome);
        }
        if outcome != AdvanceOutcome::Released {
            self.scheduler.probe_again();
        }
        if let Err(error) = done
            && error.is_panic()
        {
            self.panicked(claim, &error);
        }
        metrics::in_flight(self.running.len());
    }

    fn panicked(&mut self, claim: Claim, error: &JoinError) {
        metrics::panicked();
        if self.panicked.len() >= PANICKED {
            self.panicked.clear();
        }
        let panics = self.panicked.entry(claim.id).or_default();
        *panics += 1;
        if *panics > PANICS {
            tracing::error!(
                activeflow_id = %claim.id,
                %error,
                "The work on an activeflow panicked again; it becomes ready when its claim is too old"
            );
            return;
        }
        tracing::error!(activeflow_id = %claim.id, %error, "The work on an activeflow panicked; it is given back");
        let executor = self.executor.clone();
        let task = self.running.spawn(async move {
            release(&executor, &claim).await;
            AdvanceOutcome::Released
        });
        self.held.insert(task.id(), RunningTask { claim, suspect: false });
    }

    fn one_of_the_group(&mut self, outcome: AdvanceOutcome) {
        let Some(group) = &mut self.group else { return };
        group.left -= 1;
        if outcome == AdvanceOutcome::Released {
            group.given_back += 1;
        } else {
            group.moved += 1;
        }
        let Some(group) = self.group.take_if(|group| group.left == 0) else { return };
        if self.scheduler.group_done(&group, self.executor.ports.clock.monotonic()) {
            tracing::warn!(
                shard = %group.shard,
                suspects = group.given_back,
                "What a dead worker held cannot move now; ordinary work goes on, and it is tried again now and then"
            );
        }
    }

    /// Most of the grace period is for finishing, the rest for giving back.
    async fn stop(&mut self) -> Option<MemberId> {
        let executor = self.executor.clone();
        let (clock, grace) = (&executor.ports.clock, executor.config.shutdown_grace);
        tokio::select! {
            biased;
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
        let mut left: Vec<Claim> = self.held.drain().map(|(_, held)| held.claim).collect();
        left.sort_by_key(|claim| claim.id);
        if !left.is_empty() {
            tracing::warn!(held = left.len(), "Grace period is nearly over; giving back what is held");
        }
        let back = futures_util::future::join_all(left.iter().map(|claim| release(&executor, claim)));
        let all_back = tokio::select! {
            biased;
            back = back => back.into_iter().all(|back| back),
            () = clock.sleep(grace / 4) => false,
        };
        self.membership.now().map(|me| me.id).filter(|_| answered && all_back)
    }

    async fn finish(&mut self) {
        while !self.asking.is_empty() || !self.running.is_empty() {
            tokio::select! {
                biased;
                Some(answer) = self.asking.next() => self.take(answer),
                Some(done) = self.running.join_next_with_id() => self.done(done),
            }
        }
    }
}

/// One claim, asked under one nonce until it is answered: rows of a lost answer come with the next.
async fn claim(executor: Arc<Executor>, shard: Shard, worker: MemberId, nonce: u64, want: Want) -> Answer {
    let (work, clock) = (&executor.ports.work, &*executor.ports.clock);
    let claimed = until_answered(clock, || work.claim(shard, worker, nonce, want)).await;
    Answer { shard, worker, want, at: clock.monotonic(), claimed }
}

#[cfg(test)]
mod tests;
