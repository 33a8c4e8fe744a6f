//! The claim loop of an executor: claims while there is room, runs one task per claimed activeflow, and releases what is left
//! at shutdown.

use crate::advance::{AdvanceOutcome, advance};
use crate::claim_scheduler::{ClaimResult, ClaimScheduler, SuspectGroup};
use crate::commit::release;
use crate::eager::Outcome;
use crate::executor::Executor;
use crate::membership::{Assignment, Membership};
use crate::metrics;
use common::member::MemberId;
use common::ports::work::{Claim, ClaimRequest, Claimed, Row};
use common::record::Suspect;
use common::retry::until_answered;
use common::store_time::StoreTime;
use common::{ActiveflowId, Shard, StoreError};
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Pause before the suspects of a shard are tried again after none of them could move, in units of `retry_after`.
const SUSPECT_RETRY_FACTOR: u32 = 10;
/// Number of panics after which an activeflow is released at once. After more it stays claimed until its claim is overdue.
const MAX_PANICS: u32 = 3;
/// Maximum number of activeflows whose panics are counted.
const MAX_PANIC_COUNTS: usize = 1_024;

pub struct ClaimLoop {
    executor: Arc<Executor>,
    membership: Membership,
    assignment: Option<Assignment>,
    scheduler: ClaimScheduler,
    /// The suspects that are claimed. While there are any, nothing else is claimed.
    group: Option<SuspectGroup>,
    requests: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Nonce of the last claim request. It grows, so that a request delayed on a dead connection is recognised as old.
    nonce: u64,
    running: JoinSet<AdvanceOutcome>,
    tasks: HashMap<Id, RunningTask>,
    /// Whether the bus was up at the last check.
    bus_up: bool,
    panic_counts: HashMap<ActiveflowId, u32>,
}

struct RunningTask {
    claim: Claim,
    /// Whether the activeflow is one of the suspect group.
    suspect: bool,
}

/// The store's answer to one claim request.
struct Answer {
    shard: Shard,
    worker: MemberId,
    want: ClaimRequest,
    received_at: Duration,
    claimed: Result<Claimed, StoreError>,
}

impl ClaimLoop {
    pub fn new(executor: Arc<Executor>, membership: Membership) -> ClaimLoop {
        let suspect_retry = executor.config.retry_after * SUSPECT_RETRY_FACTOR;
        ClaimLoop {
            executor,
            membership,
            assignment: None,
            scheduler: ClaimScheduler::new(suspect_retry),
            group: None,
            requests: FuturesUnordered::new(),
            nonce: 0,
            running: JoinSet::new(),
            tasks: HashMap::new(),
            bus_up: true,
            panic_counts: HashMap::new(),
        }
    }

    /// Claims until `shutdown`, then finishes or releases all claims within the grace period. Returns the id to remove
    /// from the member list, or `None` when a claim under it may remain.
    pub async fn serve(&mut self, shutdown: &CancellationToken) -> Option<MemberId> {
        let executor = self.executor.clone();
        let clock = &executor.ports.clock;
        let mut wakeups = executor.ports.work.listen_ready().await;
        let mut poll = clock.sleep(Duration::ZERO);
        loop {
            let promised = executor.ports.eager.withdraw();
            self.send_requests(promised);
            self.offer_places(promised);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                outcome = executor.ports.eager.next() => self.eager_start(outcome),
                () = &mut poll => {
                    self.scheduler.mark_ready((0..executor.config.shards).map(Shard));
                    poll = clock.sleep(executor.config.poll_interval);
                }
                () = self.membership.changed() => self.update_assignment(),
                shard = wakeups.next() => if self.is_assigned(shard) { self.scheduler.mark_ready([shard]); },
                Some(answer) = self.requests.next() => self.handle_answer(answer),
                Some(ended) = self.running.join_next_with_id() => self.task_ended(ended),
            }
        }
        self.stop().await
    }

    fn update_assignment(&mut self) {
        self.assignment = self.membership.current();
        let shards = self.assignment.as_ref().map(|own| own.shards.clone()).unwrap_or_default();
        self.scheduler.assign(&shards);
        self.scheduler.mark_ready(shards.iter().copied());
    }

    fn is_assigned(&self, shard: Shard) -> bool {
        self.assignment.as_ref().is_some_and(|own| own.shards.contains(&shard))
    }

    /// Sends all claim requests that the scheduler allows now. `promised` places belong to the dispatcher.
    fn send_requests(&mut self, promised: usize) {
        let Some(worker) = self.assignment.as_ref().map(|own| own.id) else { return };
        while let Some((shard, want)) = self.next_request(promised) {
            self.nonce += 1;
            self.requests.push(claim(self.executor.clone(), shard, worker, self.nonce, want).boxed());
        }
    }

    fn next_request(&mut self, promised: usize) -> Option<(Shard, ClaimRequest)> {
        let bus_up = self.executor.ports.bus.is_up();
        let was_up = std::mem::replace(&mut self.bus_up, bus_up);
        if bus_up && !was_up {
            self.scheduler.allow_probe();
        }
        if self.group.is_some() {
            return None;
        }
        let (running, now) = (self.running.len() + promised, self.executor.ports.clock.monotonic());
        if self.executor.broker.is_away() {
            return self.scheduler.next_probe(running, now);
        }
        self.scheduler.next(running, self.executor.config.capacity, now)
    }

    /// Offers the remaining room to the dispatcher of this process.
    fn offer_places(&mut self, promised: usize) {
        let Some(Assignment { id, shards }) = &self.assignment else { return };
        if self.group.is_some() || self.scheduler.has_suspects() || self.executor.broker.is_away() {
            return;
        }
        let room = self.scheduler.room(self.running.len() + promised, self.executor.config.capacity);
        self.executor.ports.eager.offer(*id, shards.clone(), room);
    }

    fn eager_start(&mut self, outcome: Option<Outcome>) {
        match outcome {
            None => {}
            Some(Outcome::Started(row, time)) => {
                metrics::claimed(1, 0);
                self.begin(*row, time, false);
            }
            Some(Outcome::Unknown(claim)) => self.begin_release(claim),
        }
        metrics::in_flight(self.running.len());
    }

    fn handle_answer(&mut self, answer: Answer) {
        let Answer { shard, worker, want, received_at, claimed } = answer;
        match claimed {
            Ok(Claimed::Rows { now, rows, suspects }) => {
                let time = StoreTime { answered: now, received_at };
                self.run_claimed(shard, want, time, rows, suspects);
            }
            Ok(Claimed::Dead) => {
                self.scheduler.failed(shard, want);
                self.membership.declared_dead(worker);
                self.assignment = self.assignment.take().filter(|own| own.id != worker);
            }
            Err(error) => {
                self.scheduler.failed(shard, want);
                tracing::error!(%shard, %error, "Could not claim from the shard");
            }
        }
        metrics::in_flight(self.running.len());
    }

    /// Starts a task for each claimed row; `waiting` suspects are still in the shard.
    fn run_claimed(
        &mut self,
        shard: Shard,
        want: ClaimRequest,
        time: StoreTime,
        rows: Vec<Row>,
        waiting: u64,
    ) {
        let suspects = rows.iter().filter(|row| row.record.suspect != Suspect::No).count();
        metrics::claimed(rows.len(), suspects);
        let result = ClaimResult { rows: rows.len(), suspects, suspects_waiting: waiting };
        if self.scheduler.answered(shard, want, result, self.is_assigned(shard)) {
            tracing::warn!(%shard, suspects = waiting, "A worker died; its activeflows are retried in groups, without others");
        }
        if self.executor.broker.is_away() && !rows.is_empty() {
            self.scheduler.probe_sent(time.received_at);
        }
        if suspects > 0 {
            let claimed_at = time.received_at;
            self.group =
                Some(SuspectGroup { shard, claimed_at, running: rows.len(), progressed: 0, released: 0 });
        }
        rows.into_iter().for_each(|row| self.begin(row, time, suspects > 0));
    }

    fn begin(&mut self, row: Row, time: StoreTime, suspect: bool) {
        let executor = self.executor.clone();
        let claim = row.claim;
        let task = self.running.spawn(async move { advance(&executor, row, time).await });
        self.tasks.insert(task.id(), RunningTask { claim, suspect });
    }

    fn task_ended(&mut self, ended: Result<(Id, AdvanceOutcome), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(RunningTask { claim, suspect }) = self.tasks.remove(&id) else { return };
        let outcome = ended.as_ref().map(|(_, outcome)| *outcome).unwrap_or(AdvanceOutcome::Released);
        if suspect {
            self.suspect_ended(outcome);
        }
        if outcome != AdvanceOutcome::Released {
            self.scheduler.allow_probe();
        }
        if let Err(error) = ended
            && error.is_panic()
        {
            self.task_panicked(claim, &error);
        }
        metrics::in_flight(self.running.len());
    }

    fn task_panicked(&mut self, claim: Claim, error: &JoinError) {
        metrics::panicked();
        if self.panic_counts.len() >= MAX_PANIC_COUNTS {
            self.panic_counts.clear();
        }
        let panics = self.panic_counts.entry(claim.id).or_default();
        *panics += 1;
        if *panics > MAX_PANICS {
            tracing::error!(
                activeflow_id = %claim.id,
                %error,
                "The task of an activeflow panicked again; its claim will expire"
            );
            return;
        }
        tracing::error!(activeflow_id = %claim.id, %error, "The task of an activeflow panicked; releasing its claim");
        self.begin_release(claim);
    }

    fn begin_release(&mut self, claim: Claim) {
        let executor = self.executor.clone();
        let task = self.running.spawn(async move {
            release(&executor, &claim).await;
            AdvanceOutcome::Released
        });
        self.tasks.insert(task.id(), RunningTask { claim, suspect: false });
    }

    fn suspect_ended(&mut self, outcome: AdvanceOutcome) {
        let Some(group) = &mut self.group else { return };
        group.running -= 1;
        if outcome == AdvanceOutcome::Released {
            group.released += 1;
        } else {
            group.progressed += 1;
        }
        let Some(group) = self.group.take_if(|group| group.running == 0) else { return };
        if self.scheduler.group_ended(&group, self.executor.ports.clock.monotonic()) {
            tracing::warn!(
                shard = %group.shard,
                suspects = group.released,
                "The activeflows of a dead worker cannot move now; other work continues, and they are retried later"
            );
        }
    }

    /// Finishes tasks for most of the grace period, then releases what is left.
    async fn stop(&mut self) -> Option<MemberId> {
        let executor = self.executor.clone();
        let (clock, grace) = (&executor.ports.clock, executor.config.shutdown_grace);
        tokio::select! {
            biased;
            () = self.finish() => {}
            () = clock.sleep(grace * 3 / 4) => {}
        }
        let mut answered = self.requests.is_empty();
        self.running.abort_all();
        while let Some(ended) = self.running.join_next_with_id().await {
            if ended.is_ok() {
                self.task_ended(ended);
            }
        }
        let mut claims: Vec<Claim> = self.tasks.drain().map(|(_, task)| task.claim).collect();
        claims.extend(std::iter::from_fn(|| executor.ports.eager.try_next()).map(Outcome::claim));
        answered &= executor.ports.eager.withdraw() == 0;
        claims.sort_by_key(|claim| claim.id);
        if !claims.is_empty() {
            tracing::warn!(
                activeflows = claims.len(),
                "Shutdown grace period is nearly over; releasing claimed activeflows"
            );
        }
        let releases = join_all(claims.iter().map(|claim| release(&executor, claim)));
        let all_released = tokio::select! {
            biased;
            released = releases => released.into_iter().all(|released| released),
            () = clock.sleep(grace / 4) => false,
        };
        self.membership.current().map(|own| own.id).filter(|_| answered && all_released)
    }

    async fn finish(&mut self) {
        let executor = self.executor.clone();
        let eager = &executor.ports.eager;
        while !self.requests.is_empty() || !self.running.is_empty() || eager.withdraw() > 0 {
            tokio::select! {
                biased;
                outcome = eager.next() => self.eager_start(outcome),
                Some(answer) = self.requests.next() => self.handle_answer(answer),
                Some(ended) = self.running.join_next_with_id() => self.task_ended(ended),
            }
        }
    }
}

/// Repeats one claim request under one nonce until the store answers: if an answer is lost, the next one contains the same rows.
async fn claim(
    executor: Arc<Executor>,
    shard: Shard,
    worker: MemberId,
    nonce: u64,
    want: ClaimRequest,
) -> Answer {
    let (work, clock) = (&executor.ports.work, &*executor.ports.clock);
    let claimed = until_answered(clock, || work.claim(shard, worker, nonce, want)).await;
    Answer { shard, worker, want, received_at: clock.monotonic(), claimed }
}

#[cfg(test)]
mod tests;
