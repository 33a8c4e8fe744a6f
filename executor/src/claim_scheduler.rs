//! The choice of the shard to claim from next, and of the number of activeflows to claim.
//!
//! A shard is *ready* when it may have something to claim: a wakeup came, a claim came back full, or a poll is due. Each
//! shard has at most one claim request in flight. While the shards assigned to this executor have suspects, nothing else is
//! claimed until all claimed activeflows have ended. Then suspects are claimed in groups, without others, until none are
//! left. While the broker is away, one activeflow at a time is claimed as a probe.
//!
//! Suspects that cannot move (a gateway's queue is full, a bundle is missing) must not stop other work. After a group of
//! which some were released unchanged, other work gets as much time as the group took. When all of a group were released,
//! the suspects of its shard are tried again only after a pause, and the shard whose pause ended first goes first.

use common::Shard;
use common::ports::work::ClaimRequest;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// Maximum number of activeflows per claim request. The store handles one request per shard at a time.
const BATCH: usize = 64;
/// Maximum number of suspects per group.
const GROUP: u32 = 32;
/// Interval between probes of the broker.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct ClaimScheduler {
    /// Pause before the suspects of a shard are tried again after none of them could move.
    suspect_retry: Duration,
    ready: BTreeSet<Shard>,
    /// Assigned shards with suspects.
    suspects: BTreeSet<Shard>,
    /// End of the pause of each shard whose suspects could not move.
    paused_until: BTreeMap<Shard, Duration>,
    /// End of the time that belongs to work other than suspects.
    others_until: Duration,
    requested: BTreeSet<Shard>,
    /// Whether a request that may return suspects is in flight.
    suspects_requested: bool,
    /// Maximum number of activeflows that the requests in flight may return.
    reserved: usize,
    last: Option<Shard>,
    last_probe: Option<Duration>,
}

/// Result of one claim request.
#[derive(Clone, Copy, Debug)]
pub struct ClaimResult {
    pub rows: usize,
    /// Number of suspects among the rows.
    pub suspects: usize,
    /// Number of suspects that still wait in the shard.
    pub suspects_waiting: u64,
}

/// A group of suspects, from its claim until the tasks of all of them have ended.
#[derive(Debug)]
pub struct SuspectGroup {
    pub shard: Shard,
    pub claimed_at: Duration,
    /// Number of suspects whose task has not ended.
    pub running: usize,
    pub progressed: usize,
    /// Number of suspects that were released unchanged.
    pub released: usize,
}

impl ClaimScheduler {
    pub fn new(suspect_retry: Duration) -> ClaimScheduler {
        ClaimScheduler { suspect_retry, ..ClaimScheduler::default() }
    }

    /// Marks shards that may have something to claim.
    pub fn mark_ready(&mut self, shards: impl IntoIterator<Item = Shard>) {
        self.ready.extend(shards);
    }

    /// Forgets the suspects of all other shards: other executors claim them.
    pub fn assign(&mut self, shards: &BTreeSet<Shard>) {
        self.suspects.retain(|shard| shards.contains(shard));
        self.paused_until.retain(|shard, _| shards.contains(shard));
    }

    /// The next request to send, while `running` of at most `capacity` activeflows are claimed.
    pub fn next(&mut self, running: usize, capacity: usize, now: Duration) -> Option<(Shard, ClaimRequest)> {
        if self.suspects_requested {
            return None;
        }
        let idle = running == 0 && self.requested.is_empty();
        if let Some(shard) = self.next_suspects(now) {
            return idle
                .then_some((shard, ClaimRequest { max: GROUP, idle: true }))
                .map(|next| self.request(next));
        }
        let room = self.room(running, capacity);
        if room == 0 {
            return None;
        }
        let want = ClaimRequest { max: room.min(BATCH) as u32, idle: false };
        self.next_ready().map(|shard| self.request((shard, want)))
    }

    /// Number of activeflows that may be claimed beside `running` and those that the requests in flight may return.
    pub fn room(&self, running: usize, capacity: usize) -> usize {
        capacity.saturating_sub(running + self.reserved)
    }

    /// Whether suspects wait for this executor, or a request that may return some is in flight.
    pub fn has_suspects(&self) -> bool {
        self.suspects_requested || !self.suspects.is_empty()
    }

    /// The shard whose suspects are next.
    fn next_suspects(&self, now: Duration) -> Option<Shard> {
        let paused_until = |shard: &&Shard| self.paused_until.get(shard).copied().unwrap_or_default();
        let next = self.suspects.iter().min_by_key(paused_until)?;
        (now >= self.others_until && now >= paused_until(&next)).then_some(*next)
    }

    /// Ends a group. Returns whether none of it could move and its shard was not paused before.
    pub fn group_ended(&mut self, group: &SuspectGroup, now: Duration) -> bool {
        if group.released > 0 {
            self.others_until = now + now.saturating_sub(group.claimed_at);
        }
        if group.progressed > 0 || group.released == 0 {
            self.paused_until.remove(&group.shard);
            return false;
        }
        self.paused_until.insert(group.shard, now + self.suspect_retry).is_none()
    }

    /// The next request while the broker is away: at most one probe per interval, for one activeflow, suspects included.
    pub fn next_probe(&mut self, running: usize, now: Duration) -> Option<(Shard, ClaimRequest)> {
        let idle = running == 0 && self.requested.is_empty();
        let due = self.last_probe.is_none_or(|at| now.saturating_sub(at) >= PROBE_INTERVAL);
        let shard = self.next_ready().filter(|_| idle && due)?;
        let paused = self.paused_until.get(&shard).is_some_and(|until| now < *until);
        Some(self.request((shard, ClaimRequest { max: 1, idle: !paused })))
    }

    /// Records that a probe is running.
    pub fn probe_sent(&mut self, now: Duration) {
        self.last_probe = Some(now);
    }

    /// Allows the next probe at once: the last one published nothing, or the broker is connected again.
    pub fn allow_probe(&mut self) {
        self.last_probe = None;
    }

    /// Ends a request. `assigned` tells whether the shard is assigned to this executor. Returns whether the executor
    /// newly learned of suspects in an assigned shard.
    pub fn answered(
        &mut self,
        shard: Shard,
        want: ClaimRequest,
        result: ClaimResult,
        assigned: bool,
    ) -> bool {
        self.end_request(shard, want);
        if result.rows >= want.max as usize {
            self.ready.insert(shard);
        }
        if want.idle && result.suspects == 0 {
            self.suspects.remove(&shard);
            return false;
        }
        result.suspects_waiting > 0 && assigned && self.suspects.insert(shard)
    }

    /// Ends a request that failed; the next poll tries again.
    pub fn failed(&mut self, shard: Shard, want: ClaimRequest) {
        self.end_request(shard, want);
        self.suspects.remove(&shard);
    }

    fn end_request(&mut self, shard: Shard, want: ClaimRequest) {
        self.requested.remove(&shard);
        self.suspects_requested &= !want.idle;
        self.reserved -= want.max as usize;
    }

    fn request(&mut self, next: (Shard, ClaimRequest)) -> (Shard, ClaimRequest) {
        let (shard, want) = next;
        self.ready.remove(&shard);
        self.requested.insert(shard);
        self.suspects_requested |= want.idle;
        self.reserved += want.max as usize;
        self.last = Some(shard);
        next
    }

    /// The next ready shard in round-robin order, so that no shard starves behind a busy one.
    fn next_ready(&self) -> Option<Shard> {
        let behind = self.last.map_or(Unbounded, Excluded);
        let round = self.ready.range((behind, Unbounded)).chain(&self.ready);
        round.copied().find(|shard| !self.requested.contains(shard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn with_ready(shards: u16) -> ClaimScheduler {
        let mut scheduler = ClaimScheduler::new(Duration::from_secs(10));
        scheduler.mark_ready((0..shards).map(Shard));
        scheduler
    }

    fn result(rows: usize, suspects: usize, suspects_waiting: u64) -> ClaimResult {
        ClaimResult { rows, suspects, suspects_waiting }
    }

    #[test]
    fn requests_never_exceed_the_room_and_each_shard_has_one_in_flight() {
        let mut scheduler = with_ready(3);
        let requested: Vec<_> = std::iter::from_fn(|| scheduler.next(20, 100, NOW)).collect();
        assert_eq!(
            requested.iter().map(|(shard, want)| (shard.0, want.max)).collect::<Vec<_>>(),
            [(0, 64), (1, 16)]
        );
        scheduler.mark_ready([Shard(0)]);
        scheduler.answered(Shard(1), requested[1].1, result(0, 0, 0), true);
        assert_eq!(
            scheduler.next(20, 100, NOW).map(|(shard, _)| shard),
            Some(Shard(2)),
            "the request to shard 0 is in flight"
        );
    }

    #[test]
    fn a_full_answer_keeps_a_shard_ready_behind_the_others() {
        let mut scheduler = with_ready(2);
        let (first, want) = scheduler.next(0, 64, NOW).unwrap();
        scheduler.answered(first, want, result(64, 0, 0), true);
        let order: Vec<u16> = [scheduler.next(64, 128, NOW), scheduler.next(64, 200, NOW)]
            .into_iter()
            .flatten()
            .map(|(s, _)| s.0)
            .collect();
        assert_eq!(order, [1, 0]);
    }

    #[test]
    fn suspects_are_claimed_when_nothing_else_is_claimed_and_only_by_the_assigned_executor() {
        let mut scheduler = with_ready(2);
        let (shard, want) = scheduler.next(0, 512, NOW).unwrap();
        assert!(!scheduler.answered(shard, want, result(3, 0, 5), false));
        scheduler.mark_ready([shard]);
        let mut requested: Vec<_> = std::iter::from_fn(|| scheduler.next(3, 512, NOW)).collect();
        while let Some((shard, want)) = requested.pop() {
            scheduler.answered(shard, want, result(0, 0, if shard == Shard(0) { 5 } else { 0 }), true);
        }
        scheduler.mark_ready([Shard(1)]);
        assert_eq!(scheduler.next(3, 512, NOW), None, "three are still claimed");
        let group = ClaimRequest { max: 32, idle: true };
        assert_eq!(scheduler.next(0, 512, NOW), Some((Shard(0), group)));
        scheduler.answered(Shard(0), group, result(5, 5, 0), true);
        assert_eq!(scheduler.next(5, 512, NOW), None, "the group runs without others");
        assert_eq!(scheduler.next(0, 512, NOW), Some((Shard(0), group)));
        scheduler.answered(Shard(0), group, result(0, 0, 0), true);
        assert_eq!(
            scheduler.next(0, 512, NOW).map(|(shard, want)| (shard, want.idle)),
            Some((Shard(1), false))
        );
    }

    #[test]
    fn while_the_broker_is_away_one_is_claimed_each_second() {
        let mut scheduler = with_ready(2);
        let (shard, want) = scheduler.next_probe(0, Duration::ZERO).unwrap();
        assert_eq!(scheduler.next_probe(0, Duration::ZERO), None);
        scheduler.answered(shard, want, result(1, 0, 0), true);
        scheduler.probe_sent(Duration::ZERO);
        assert_eq!(scheduler.next_probe(0, Duration::from_millis(900)), None);
        assert!(scheduler.next_probe(0, Duration::from_secs(1)).is_some());
    }

    #[test]
    fn while_a_request_for_suspects_is_in_flight_nothing_else_is_claimed() {
        let mut back = with_ready(2);
        let (shard, probe) = back.next_probe(0, NOW).unwrap();
        assert!(probe.idle);
        assert_eq!(back.next(0, 64, NOW), None, "the broker is back, the probe is in flight");
        back.answered(shard, probe, result(0, 0, 0), true);
        assert!(back.next(0, 64, NOW).is_some());

        let mut reassigned = with_ready(2);
        reassigned.suspects = BTreeSet::from([Shard(0)]);
        let (shard, group) = reassigned.next(0, 64, NOW).unwrap();
        reassigned.assign(&BTreeSet::from([Shard(1)]));
        assert_eq!(reassigned.next(0, 64, NOW), None, "the shard is reassigned, its request is in flight");
        reassigned.failed(shard, group);
        assert!(reassigned.next(0, 64, NOW).is_some());
    }

    fn group(shard: u16, claimed_at: u64, progressed: usize, released: usize) -> SuspectGroup {
        let claimed_at = Duration::from_secs(claimed_at);
        SuspectGroup { shard: Shard(shard), claimed_at, running: 0, progressed, released }
    }

    #[test]
    fn suspects_that_cannot_move_leave_time_to_other_work_and_to_suspects_of_other_shards() {
        let secs = Duration::from_secs;
        let mut scheduler = with_ready(2);
        scheduler.suspects = BTreeSet::from([Shard(0), Shard(1)]);
        let claimed = |scheduler: &mut ClaimScheduler, now: u64| {
            scheduler.mark_ready([Shard(0), Shard(1)]);
            let (shard, want) = scheduler.next(0, 64, secs(now))?;
            scheduler.answered(shard, want, result(1, usize::from(want.idle), 0), true);
            want.idle.then_some(shard.0)
        };
        assert_eq!(claimed(&mut scheduler, 100), Some(0));
        assert!(scheduler.group_ended(&group(0, 100, 0, 1), secs(104)));
        assert_eq!(claimed(&mut scheduler, 104), None, "other work gets as much time as the group took");
        assert_eq!(claimed(&mut scheduler, 108), Some(1), "the other shard has not been tried");
        assert!(!scheduler.group_ended(&group(1, 108, 3, 0), secs(109)));
        scheduler.suspects.remove(&Shard(1));
        assert_eq!(claimed(&mut scheduler, 113), None, "shard 0 is paused");
        assert_eq!(claimed(&mut scheduler, 114), Some(0));
        assert!(!scheduler.group_ended(&group(0, 114, 0, 1), secs(130)), "shard 0 was paused before");
        scheduler.suspects.insert(Shard(1));
        assert_eq!(claimed(&mut scheduler, 145), None);
        assert_eq!(claimed(&mut scheduler, 146), Some(1), "the shard whose pause ends last goes last");
    }

    #[test]
    fn while_the_broker_is_away_a_shard_whose_suspects_are_paused_is_probed_with_something_else() {
        let mut scheduler = with_ready(1);
        scheduler.group_ended(&group(0, 99, 0, 1), NOW);
        assert_eq!(scheduler.next_probe(0, NOW), Some((Shard(0), ClaimRequest { max: 1, idle: false })));
    }
}
