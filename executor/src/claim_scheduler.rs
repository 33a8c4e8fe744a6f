//! Which shard to claim from next, and how much.
//!
//! A shard is *hungry* when it may have something: it rang, a claim came back full, or a look is due. Each shard has at
//! most one claim under way. While shards that this executor looks after have suspects, nothing else is claimed until
//! everything held is done; then they come in groups, held alone, until none are left. While the broker is away, one
//! activeflow at a time is claimed as a probe.
//!
//! Suspects that cannot move (a gateway's queue is full, a bundle is missing) must not stop the rest: after a group of
//! which some were given back, ordinary work has as much time as the group took; a shard of which all were given back
//! has its suspects tried again only after a rest, the one that rested longest first.

use common::Shard;
use common::ports::work::Want;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// So many one claim takes: the store works on one claim of a shard at a time.
const BATCH: usize = 64;
/// So many suspects are held together.
const GROUP: u32 = common::limits::SUSPECT_GROUP;
/// How long after a probe of the broker the next one is made.
const PROBE_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct ClaimScheduler {
    /// How long the suspects of a shard rest of which none could move.
    rest: Duration,
    ready: BTreeSet<Shard>,
    suspects: BTreeSet<Shard>,
    /// Until when the suspects of these shards rest.
    resting: BTreeMap<Shard, Duration>,
    /// Until when it is the turn of what is not suspect.
    ordinary: Duration,
    asked: BTreeSet<Shard>,
    /// A claim is under way that may bring suspects.
    apart: bool,
    reserved: usize,
    last: Option<Shard>,
    probed: Option<Duration>,
}

/// What a claim brought.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimResult {
    pub rows: usize,
    /// Of these, suspects.
    pub suspicious: usize,
    /// Suspects that still wait in the shard.
    pub waiting: u64,
}

/// A group of suspects from its claim until all of it is done.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    pub shard: Shard,
    pub since: Duration,
    /// So many are not done.
    pub left: usize,
    pub moved: usize,
    /// So many were given back as they were.
    pub given_back: usize,
}

impl ClaimScheduler {
    pub fn new(rest: Duration) -> ClaimScheduler {
        ClaimScheduler { rest, ..ClaimScheduler::default() }
    }

    /// These may have something.
    pub fn mark_ready(&mut self, shards: impl IntoIterator<Item = Shard>) {
        self.ready.extend(shards);
    }

    /// Suspects of other shards are for others.
    pub fn assign(&mut self, shards: &BTreeSet<Shard>) {
        self.suspects.retain(|shard| shards.contains(shard));
        self.resting.retain(|shard, _| shards.contains(shard));
    }

    /// The next claim to send, with `running` activeflows held of at most `capacity`.
    pub fn next(&mut self, running: usize, capacity: usize, now: Duration) -> Option<(Shard, Want)> {
        if self.apart {
            return None;
        }
        let alone = running == 0 && self.asked.is_empty();
        if let Some(shard) = self.suspicious(now) {
            return alone.then_some((shard, Want { max: GROUP, idle: true })).map(|next| self.ask(next));
        }
        let room = capacity.saturating_sub(running + self.reserved);
        if room == 0 {
            return None;
        }
        let want = Want { max: room.min(BATCH) as u32, idle: false };
        self.in_turn().map(|shard| self.ask((shard, want)))
    }

    /// The shard whose suspects are next.
    fn suspicious(&self, now: Duration) -> Option<Shard> {
        let rested = |shard: &&Shard| self.resting.get(shard).copied().unwrap_or_default();
        let next = self.suspects.iter().min_by_key(rested)?;
        (now >= self.ordinary && now >= rested(&next)).then_some(*next)
    }

    /// All of a group is done. Returns whether none of it could move, where the last time some could.
    pub fn group_done(&mut self, group: &Group, now: Duration) -> bool {
        if group.given_back > 0 {
            self.ordinary = now + now.saturating_sub(group.since);
        }
        if group.moved > 0 || group.given_back == 0 {
            self.resting.remove(&group.shard);
            return false;
        }
        self.resting.insert(group.shard, now + self.rest).is_none()
    }

    /// The same while the broker is away: a probe, now and then, of one that may be a suspect.
    pub fn next_probe(&mut self, running: usize, now: Duration) -> Option<(Shard, Want)> {
        let alone = running == 0 && self.asked.is_empty();
        let due = self.probed.is_none_or(|at| now.saturating_sub(at) >= PROBE_EVERY);
        let shard = self.in_turn().filter(|_| alone && due)?;
        let rests = self.resting.get(&shard).is_some_and(|until| now < *until);
        Some(self.ask((shard, Want { max: 1, idle: !rests })))
    }

    /// A probe is under way.
    pub fn probed(&mut self, now: Duration) {
        self.probed = Some(now);
    }

    /// The next probe need not wait: the last one asked nothing of the broker, or the broker's connection is back.
    pub fn probe_again(&mut self) {
        self.probed = None;
    }

    /// A claim was answered. Returns whether the shard turned out to have suspects that this executor is to deal with.
    pub fn answered(&mut self, shard: Shard, want: Want, brought: ClaimResult, mine: bool) -> bool {
        self.settle(shard, want);
        if brought.rows >= want.max as usize {
            self.ready.insert(shard);
        }
        if want.idle && brought.suspicious == 0 {
            self.suspects.remove(&shard);
            return false;
        }
        brought.waiting > 0 && mine && self.suspects.insert(shard)
    }

    /// A claim failed; the next look tries again.
    pub fn failed(&mut self, shard: Shard, want: Want) {
        self.settle(shard, want);
        self.suspects.remove(&shard);
    }

    fn settle(&mut self, shard: Shard, want: Want) {
        self.asked.remove(&shard);
        self.apart &= !want.idle;
        self.reserved -= want.max as usize;
    }

    fn ask(&mut self, next: (Shard, Want)) -> (Shard, Want) {
        let (shard, want) = next;
        self.ready.remove(&shard);
        self.asked.insert(shard);
        self.apart |= want.idle;
        self.reserved += want.max as usize;
        self.last = Some(shard);
        next
    }

    /// Round after round, so that no shard starves behind a busy one.
    fn in_turn(&self) -> Option<Shard> {
        let behind = self.last.map_or(Unbounded, Excluded);
        let round = self.ready.range((behind, Unbounded)).chain(&self.ready);
        round.copied().find(|shard| !self.asked.contains(shard))
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

    fn brought(rows: usize, suspicious: usize, waiting: u64) -> ClaimResult {
        ClaimResult { rows, suspicious, waiting }
    }

    #[test]
    fn claims_never_ask_for_more_than_there_is_room_and_each_shard_is_asked_once() {
        let mut scheduler = with_ready(3);
        let asked: Vec<_> = std::iter::from_fn(|| scheduler.next(20, 100, NOW)).collect();
        assert_eq!(
            asked.iter().map(|(shard, want)| (shard.0, want.max)).collect::<Vec<_>>(),
            [(0, 64), (1, 16)]
        );
        scheduler.mark_ready([Shard(0)]);
        scheduler.answered(Shard(1), asked[1].1, brought(0, 0, 0), true);
        assert_eq!(
            scheduler.next(20, 100, NOW).map(|(shard, _)| shard),
            Some(Shard(2)),
            "shard 0 is still being asked"
        );
    }

    #[test]
    fn a_full_answer_keeps_a_shard_hungry_behind_the_others() {
        let mut scheduler = with_ready(2);
        let (first, want) = scheduler.next(0, 64, NOW).unwrap();
        scheduler.answered(first, want, brought(64, 0, 0), true);
        let order: Vec<u16> = [scheduler.next(64, 128, NOW), scheduler.next(64, 200, NOW)]
            .into_iter()
            .flatten()
            .map(|(s, _)| s.0)
            .collect();
        assert_eq!(order, [1, 0]);
    }

    #[test]
    fn suspects_are_claimed_when_nothing_is_held_and_only_by_who_looks_after_the_shard() {
        let mut scheduler = with_ready(2);
        let (shard, want) = scheduler.next(0, 512, NOW).unwrap();
        assert!(!scheduler.answered(shard, want, brought(3, 0, 5), false));
        scheduler.mark_ready([shard]);
        let mut asked: Vec<_> = std::iter::from_fn(|| scheduler.next(3, 512, NOW)).collect();
        while let Some((shard, want)) = asked.pop() {
            scheduler.answered(shard, want, brought(0, 0, if shard == Shard(0) { 5 } else { 0 }), true);
        }
        scheduler.mark_ready([Shard(1)]);
        assert_eq!(scheduler.next(3, 512, NOW), None, "three are still held");
        let group = Want { max: 32, idle: true };
        assert_eq!(scheduler.next(0, 512, NOW), Some((Shard(0), group)));
        scheduler.answered(Shard(0), group, brought(5, 5, 0), true);
        assert_eq!(scheduler.next(5, 512, NOW), None, "the group is held alone");
        assert_eq!(scheduler.next(0, 512, NOW), Some((Shard(0), group)));
        scheduler.answered(Shard(0), group, brought(0, 0, 0), true);
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
        scheduler.answered(shard, want, brought(1, 0, 0), true);
        scheduler.probed(Duration::ZERO);
        assert_eq!(scheduler.next_probe(0, Duration::from_millis(900)), None);
        assert!(scheduler.next_probe(0, Duration::from_secs(1)).is_some());
    }

    #[test]
    fn while_suspects_may_be_on_their_way_nothing_else_is_claimed() {
        let mut back = with_ready(2);
        let (shard, probe) = back.next_probe(0, NOW).unwrap();
        assert!(probe.idle);
        assert_eq!(back.next(0, 64, NOW), None, "the broker is back, the probe is not answered");
        back.answered(shard, probe, brought(0, 0, 0), true);
        assert!(back.next(0, 64, NOW).is_some());

        let mut moved = with_ready(2);
        moved.suspects = BTreeSet::from([Shard(0)]);
        let (shard, group) = moved.next(0, 64, NOW).unwrap();
        moved.assign(&BTreeSet::from([Shard(1)]));
        assert_eq!(moved.next(0, 64, NOW), None, "the shard is another's now, its claim is not answered");
        moved.failed(shard, group);
        assert!(moved.next(0, 64, NOW).is_some());
    }

    fn group(shard: u16, since: u64, moved: usize, given_back: usize) -> Group {
        Group { shard: Shard(shard), since: Duration::from_secs(since), left: 0, moved, given_back }
    }

    #[test]
    fn suspects_that_cannot_move_leave_turns_to_ordinary_work_and_to_those_of_other_shards() {
        let secs = Duration::from_secs;
        let mut scheduler = with_ready(2);
        scheduler.suspects = BTreeSet::from([Shard(0), Shard(1)]);
        let claimed = |scheduler: &mut ClaimScheduler, now: u64| {
            scheduler.mark_ready([Shard(0), Shard(1)]);
            let (shard, want) = scheduler.next(0, 64, secs(now))?;
            scheduler.answered(shard, want, brought(1, usize::from(want.idle), 0), true);
            want.idle.then_some(shard.0)
        };
        assert_eq!(claimed(&mut scheduler, 100), Some(0));
        assert!(scheduler.group_done(&group(0, 100, 0, 1), secs(104)));
        assert_eq!(claimed(&mut scheduler, 104), None, "ordinary work has as long as the group took");
        assert_eq!(claimed(&mut scheduler, 108), Some(1), "the other shard has not been tried");
        assert!(!scheduler.group_done(&group(1, 108, 3, 0), secs(109)));
        scheduler.suspects.remove(&Shard(1));
        assert_eq!(claimed(&mut scheduler, 113), None, "shard 0 rests");
        assert_eq!(claimed(&mut scheduler, 114), Some(0));
        assert!(!scheduler.group_done(&group(0, 114, 0, 1), secs(130)), "that is known");
        scheduler.suspects.insert(Shard(1));
        assert_eq!(claimed(&mut scheduler, 145), None);
        assert_eq!(claimed(&mut scheduler, 146), Some(1), "who rests least comes last");
    }

    #[test]
    fn while_the_broker_is_away_a_shard_whose_suspects_rest_is_probed_with_something_else() {
        let mut scheduler = with_ready(1);
        scheduler.group_done(&group(0, 99, 0, 1), NOW);
        assert_eq!(scheduler.next_probe(0, NOW), Some((Shard(0), Want { max: 1, idle: false })));
    }
}
