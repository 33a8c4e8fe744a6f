//! Members: process instances in their roles, failure detection, and the assignment of shards.

use crate::Shard;
use crate::ports::clock::Clock;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Sixteen random bytes that identify a process instance. A process that was declared dead takes a new id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub uuid::Uuid);

impl MemberId {
    pub fn draw(clock: &dyn Clock) -> MemberId {
        MemberId(clock.draw())
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl From<u128> for MemberId {
    fn from(number: u128) -> MemberId {
        MemberId(uuid::Uuid::from_u128(number))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Dispatcher,
    Executor,
    Scheduler,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Dispatcher => "dispatcher",
            Role::Executor => "executor",
            Role::Scheduler => "scheduler",
        })
    }
}

/// Content of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: MemberId,
    pub role: Role,
    /// Host and process for people: `host:pid`.
    pub instance: String,
    /// Number of heartbeats. Observers detect a failure when it stops growing.
    pub heartbeats: u64,
    /// Generation of the definitions that the member has loaded.
    pub generation: u64,
    /// Lowest and highest format of stored values that the member reads.
    pub formats: (u8, u8),
    /// A dispatcher's consumer of the event queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consuming: Option<Consuming>,
}

/// State of a consumer of the event queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consuming {
    /// There is no consumer at the moment.
    Connecting,
    /// No event has come on this connection.
    Waiting,
    /// Events have come on this connection.
    Receiving,
}

/// What a dispatcher does: the broker gives the events to one of several consumers until that one is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It receives the events.
    Active,
    /// Another one receives the events; it takes over if that one is gone.
    Standby,
    /// No event has come yet, so it is not known which of several receives the events.
    Idle,
    /// It has no connection to the event queue.
    Disconnected,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Activity::Active => "active",
            Activity::Standby => "standby",
            Activity::Idle => "idle",
            Activity::Disconnected => "disconnected",
        })
    }
}

/// Activity of a dispatcher among `members`. `None` for other roles, and for a version that does not report it. The broker
/// does not tell its consumers which of them is active; whoever receives events is.
pub fn activity(me: &Member, members: &[Member]) -> Option<Activity> {
    let others = || members.iter().filter(|other| other.role == me.role && other.id != me.id);
    Some(match me.consuming? {
        Consuming::Connecting => Activity::Disconnected,
        Consuming::Receiving => Activity::Active,
        Consuming::Waiting if others().any(|other| other.consuming == Some(Consuming::Receiving)) => {
            Activity::Standby
        }
        Consuming::Waiting if others().all(|other| other.consuming == Some(Consuming::Connecting)) => {
            Activity::Active
        }
        Consuming::Waiting => Activity::Idle,
    })
}

/// The format that a process which reads `own` writes beside `members`: the newest that all of them read.
pub fn written_format(own: (u8, u8), members: &[Member]) -> u8 {
    let all_read = members.iter().map(|member| member.formats.1).min().unwrap_or(own.0);
    all_read.clamp(own.0, own.1)
}

/// Detects dead members by the observer's own monotonic clock, between its own successful heartbeats.
#[derive(Debug, Default)]
pub struct FailureDetector {
    observed: BTreeMap<MemberId, (u64, Duration)>,
}

impl FailureDetector {
    /// Takes the member list from one heartbeat at the observer's monotonic `now`. Returns the members whose heartbeats have
    /// not grown for `lease`.
    pub fn observe(&mut self, members: &[Member], now: Duration, lease: Duration) -> Vec<MemberId> {
        self.observed.retain(|id, _| members.iter().any(|m| m.id == *id));
        let mut dead = Vec::new();
        for member in members {
            let last = self.observed.entry(member.id).or_insert((member.heartbeats, now));
            if last.0 != member.heartbeats {
                *last = (member.heartbeats, now);
            } else if now.saturating_sub(last.1) > lease {
                dead.push(member.id);
            }
        }
        dead
    }

    /// Gives every member a new lease. Called when the observer itself was paused or cut off: its memory proves nothing then.
    pub fn forget(&mut self) {
        self.observed.clear();
    }
}

/// Shards assigned to `me`: shard i belongs to member i modulo the number of members of the role, in id order.
pub fn assigned(me: MemberId, role: Role, members: &[Member], shards: u16) -> Vec<Shard> {
    let mut peers: Vec<MemberId> = members.iter().filter(|m| m.role == role).map(|m| m.id).collect();
    if !peers.contains(&me) {
        peers.push(me);
    }
    peers.sort();
    (0..shards).filter(|shard| peers[usize::from(*shard) % peers.len()] == me).map(Shard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u128, heartbeats: u64) -> Member {
        let id = MemberId(uuid::Uuid::from_u128(n));
        Member {
            id,
            role: Role::Executor,
            instance: String::new(),
            heartbeats,
            generation: 0,
            formats: (1, 1),
            consuming: None,
        }
    }

    #[test]
    fn the_dispatcher_that_receives_events_is_active_and_the_others_are_on_standby() {
        use super::Consuming::{Connecting, Receiving, Waiting};
        let activities = |consuming: &[Option<Consuming>]| -> Vec<String> {
            let of = |(n, consuming): (u128, &Option<Consuming>)| Member {
                role: Role::Dispatcher,
                consuming: *consuming,
                ..member(n, 1)
            };
            let members: Vec<Member> = (0..).zip(consuming).map(of).chain([member(99, 1)]).collect();
            let shown = |member| activity(member, &members).map_or("-".to_owned(), |it| it.to_string());
            members.iter().map(shown).collect()
        };
        assert_eq!(activities(&[Some(Receiving), Some(Waiting)]), ["active", "standby", "-"]);
        assert_eq!(activities(&[Some(Waiting)]), ["active", "-"]);
        assert_eq!(activities(&[Some(Waiting), Some(Waiting)]), ["idle", "idle", "-"]);
        assert_eq!(activities(&[Some(Connecting), Some(Waiting)]), ["disconnected", "active", "-"]);
        // A dispatcher of an earlier release does not report it.
        assert_eq!(activities(&[None, Some(Waiting)]), ["-", "idle", "-"]);
    }

    #[test]
    fn a_member_of_an_earlier_release_is_read_and_only_a_dispatcher_has_the_new_field() {
        let stored = serde_json::to_string(&member(1, 1)).unwrap();
        assert!(!stored.contains("consuming"), "{stored}");
        assert_eq!(serde_json::from_str::<Member>(&stored).unwrap(), member(1, 1));
        let dispatcher = Member { consuming: Some(Consuming::Receiving), ..member(1, 1) };
        let stored = serde_json::to_string(&dispatcher).unwrap();
        assert_eq!(serde_json::from_str::<Member>(&stored).unwrap(), dispatcher);
    }

    const LEASE: Duration = Duration::from_secs(10);

    #[test]
    fn who_moves_lives_and_who_stands_still_past_the_lease_is_dead() {
        let mut detector = FailureDetector::default();
        assert!(detector.observe(&[member(1, 1), member(2, 1)], Duration::from_secs(0), LEASE).is_empty());
        assert!(detector.observe(&[member(1, 2), member(2, 1)], Duration::from_secs(9), LEASE).is_empty());
        let dead = detector.observe(&[member(1, 3), member(2, 1)], Duration::from_secs(11), LEASE);
        assert_eq!(dead, vec![member(2, 1).id]);
    }

    #[test]
    fn what_is_written_is_the_newest_format_that_everyone_reads() {
        let reading = |oldest, newest| Member { formats: (oldest, newest), ..member(1, 1) };
        let (old, new, newer) = (reading(1, 1), reading(1, 2), reading(2, 3));
        assert_eq!(written_format((1, 2), &[new.clone(), old.clone(), newer.clone()]), 1);
        assert_eq!(written_format((1, 2), &[new.clone(), newer.clone()]), 2);
        assert_eq!(written_format((2, 3), std::slice::from_ref(&newer)), 3);
        assert_eq!(written_format((2, 3), &[old, newer]), 2, "nothing older than what it reads itself");
        assert_eq!(written_format((1, 2), &[]), 1, "nobody is known yet");
    }

    #[test]
    fn an_observer_that_was_away_starts_again() {
        let mut detector = FailureDetector::default();
        detector.observe(&[member(1, 1)], Duration::from_secs(0), LEASE);
        detector.forget();
        assert!(detector.observe(&[member(1, 1)], Duration::from_secs(60), LEASE).is_empty());
    }

    #[test]
    fn every_shard_has_one_member_and_shares_differ_by_at_most_one() {
        let members: Vec<Member> = (1..=3).map(|n| member(n, 1)).collect();
        let mut all: Vec<Shard> = Vec::new();
        for m in &members {
            let mine = assigned(m.id, Role::Executor, &members, 16);
            assert!((5..=6).contains(&mine.len()));
            all.extend(mine);
        }
        all.sort();
        assert_eq!(all, (0..16).map(Shard).collect::<Vec<_>>());
    }
}
