//! An operation with its arguments, and a store's answer to it.

use common::member::{Member, MemberId};
use common::ports::StateStore;
use common::ports::catalogue::{Publication, Published, RouteTransition, RouteTransitionRecord};
use common::ports::intake::{Deliver, Delivered};
use common::ports::lookup::{ActiveflowSnapshot, ControlRequest, Controlled, FeedEntry, ListQuery};
use common::ports::upkeep::{Depth, SweepReport};
use common::ports::work::{Claim, ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Transition};
use common::{ActiveflowId, EventKey, Shard, StoreError};
use flow::{Definitions, Timestamp};

/// Feed entries that the stores under test keep for each shard.
pub const FEED_LENGTH: u32 = 150;
const ALL: u32 = 100_000;

#[expect(clippy::large_enum_variant, reason = "a history has some thousand")]
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Deliver(Deliver),
    CountAttempt {
        shard: Shard,
        key: EventKey,
        attempt: u64,
    },
    Claim {
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        want: ClaimRequest,
    },
    Commit {
        claim: Claim,
        version: u64,
        made: Transition,
        after: Disposition,
    },
    Finish {
        claim: Claim,
        version: u64,
        unsettled: u32,
        after: Disposition,
    },
    Release(Claim),
    Control {
        id: ActiveflowId,
        control: Control,
    },
    ControlOnce {
        id: ActiveflowId,
        control: Control,
        request: ControlRequest,
    },
    Sweep {
        shard: Shard,
        dead: Vec<MemberId>,
    },
    Depth(Shard),
    Heartbeat {
        me: Member,
        gone: Vec<MemberId>,
    },
    Leave(MemberId),
    Members,
    Publish(Publication),
    Definitions(u64),
    Bundle(String),
    Now,
    RecordRouteTransition(RouteTransition),
    RouteTransitionPublished(RouteTransition),
    RouteTransitions,
    Get(ActiveflowId),
    List(ListQuery),
    /// Starts behind the entry that is `behind` entries before the newest; `None` starts at the oldest.
    Feed {
        shard: Shard,
        behind: Option<usize>,
        max: u32,
    },
    /// Up to and including the entry that is `through` entries before the newest.
    Trim {
        shard: Shard,
        through: usize,
    },
    /// Moves the clock, in microseconds.
    Step(i64),
    /// Kills the embedded store's process and opens its folder again; the other stores are not affected.
    Kill,
    /// The same, and the claims of the earlier process are released as suspects, as at a start of `signalbox serve`.
    Restart,
}

#[expect(clippy::large_enum_variant, reason = "three at a time are compared")]
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Delivered(Delivered),
    Counted(u32),
    Claimed(Claimed),
    CommitOutcome(CommitOutcome),
    Controlled(Controlled),
    SweepReport(SweepReport),
    Depth(Depth),
    Members(Vec<Member>),
    Published(Published),
    Definitions(Option<Definitions>),
    Bundle(Option<Vec<u8>>),
    Now(Timestamp),
    RouteTransition(RouteTransitionRecord),
    RouteTransitions(Vec<RouteTransitionRecord>),
    Found(Option<ActiveflowSnapshot>),
    List(Vec<ActiveflowSnapshot>),
    Feed(Vec<FeedEntry>),
    Done,
    /// The texts differ between the stores.
    Corrupt,
    Failed(String),
}

/// Performs `operation` on `store`. Permitted differences between the stores are removed here and nowhere else: the text of
/// an error, the positions of the feed, and the entries that a feed keeps beyond its length.
pub async fn perform(store: &dyn StateStore, operation: &Operation) -> Answer {
    match answer(store, operation).await {
        Ok(answer) => answer,
        Err(StoreError::Corrupt { .. }) => Answer::Corrupt,
        Err(error) => Answer::Failed(error.to_string()),
    }
}

async fn answer(store: &dyn StateStore, operation: &Operation) -> Result<Answer, StoreError> {
    Ok(match operation {
        Operation::Deliver(event) => Answer::Delivered(store.deliver(event).await?),
        Operation::CountAttempt { shard, key, attempt } => {
            Answer::Counted(store.count_attempt(*shard, *key, *attempt).await?)
        }
        Operation::Claim { shard, worker, nonce, want } => {
            Answer::Claimed(store.claim(*shard, *worker, *nonce, *want).await?)
        }
        Operation::Commit { claim, version, made, after } => {
            Answer::CommitOutcome(store.commit(claim, *version, made, after).await?)
        }
        Operation::Finish { claim, version, unsettled, after } => {
            Answer::CommitOutcome(store.finish(claim, *version, *unsettled, after).await?)
        }
        Operation::Release(claim) => done(store.release(claim).await?),
        Operation::Control { id, control } => Answer::Controlled(store.control(*id, control).await?),
        Operation::ControlOnce { id, control, request } => {
            Answer::Controlled(store.control_once(*id, control, request).await?)
        }
        Operation::Sweep { shard, dead } => Answer::SweepReport(store.sweep(*shard, dead).await?),
        Operation::Depth(shard) => Answer::Depth(store.depth(*shard).await?),
        Operation::Heartbeat { me, gone } => Answer::Members(store.heartbeat(me, gone).await?),
        Operation::Leave(me) => done(store.leave(*me).await?),
        Operation::Members => Answer::Members(store.members().await?),
        Operation::Publish(publication) => Answer::Published(store.publish(publication).await?),
        Operation::Definitions(than) => Answer::Definitions(store.definitions(*than).await?),
        Operation::Bundle(hash) => Answer::Bundle(store.bundle(hash).await?),
        Operation::Now => Answer::Now(store.now().await?),
        Operation::RecordRouteTransition(transition) => {
            Answer::RouteTransition(store.record_route_transition(transition).await?)
        }
        Operation::RouteTransitionPublished(transition) => {
            done(store.route_transition_published(transition).await?)
        }
        Operation::RouteTransitions => Answer::RouteTransitions(store.route_transitions().await?),
        Operation::Get(id) => Answer::Found(store.get(*id).await?),
        Operation::List(query) => Answer::List(store.list(query).await?),
        Operation::Feed { shard, behind, max } => Answer::Feed(feed(store, *shard, *behind, *max).await?),
        Operation::Trim { shard, through } => {
            if let Some(position) = position(store, *shard, *through).await? {
                store.trim(*shard, &position).await?;
            }
            Answer::Done
        }
        Operation::Step(_) | Operation::Kill | Operation::Restart => Answer::Done,
    })
}

fn done((): ()) -> Answer {
    Answer::Done
}

/// Positions are opaque and must only grow.
async fn feed(
    store: &dyn StateStore,
    shard: Shard,
    behind: Option<usize>,
    max: u32,
) -> Result<Vec<FeedEntry>, StoreError> {
    let from = match behind {
        Some(newer) => position(store, shard, newer).await?,
        None => None,
    };
    let mut entries = match from {
        Some(position) => store.feed(shard, &position, max).await?,
        None => {
            let mut kept = kept(store, shard).await?;
            kept.truncate(max as usize);
            kept
        }
    };
    if !entries.is_sorted_by(|a, b| a.position < b.position) {
        return Err(StoreError::Corrupt { operation: "feed", what: "positions do not grow".into() });
    }
    entries.iter_mut().for_each(|entry| entry.position.clear());
    Ok(entries)
}

/// Redis trims a stream at the end of one of its nodes, and so keeps a few entries more than the feed's length.
async fn kept(store: &dyn StateStore, shard: Shard) -> Result<Vec<FeedEntry>, StoreError> {
    let mut entries = store.feed(shard, "", ALL).await?;
    let more = entries.len().saturating_sub(FEED_LENGTH as usize);
    entries.drain(..more);
    Ok(entries)
}

async fn position(store: &dyn StateStore, shard: Shard, newer: usize) -> Result<Option<String>, StoreError> {
    Ok(kept(store, shard).await?.into_iter().rev().nth(newer).map(|entry| entry.position))
}

impl Operation {
    /// Name of the port's method, with the variant where answers differ by it.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Deliver(_) => "deliver",
            Operation::CountAttempt { .. } => "count_attempt",
            Operation::Claim { .. } => "claim",
            Operation::Commit { after, .. } => match after {
                Disposition::KeepClaim => "commit, keep",
                Disposition::Park { .. } => "commit, park",
                Disposition::Pause => "commit, pause",
                Disposition::Yield => "commit, yield",
                Disposition::End { .. } => "commit, end",
            },
            Operation::Finish { after, .. } => match after {
                Disposition::KeepClaim => "finish, keep",
                Disposition::Park { .. } => "finish, park",
                Disposition::Pause => "finish, pause",
                Disposition::Yield => "finish, yield",
                Disposition::End { .. } => "finish, end",
            },
            Operation::Release(_) => "release",
            Operation::Control { control, .. } => match control {
                Control::Stop => "control, stop",
                Control::Retry => "control, retry",
                _ => "control",
            },
            Operation::ControlOnce { .. } => "control, once",
            Operation::Sweep { .. } => "sweep",
            Operation::Depth(_) => "depth",
            Operation::Heartbeat { .. } => "heartbeat",
            Operation::Leave(_) => "leave",
            Operation::Members => "members",
            Operation::Publish(_) => "publish",
            Operation::Definitions(_) => "definitions",
            Operation::Bundle(_) => "bundle",
            Operation::Now => "now",
            Operation::RecordRouteTransition(_) => "record_route_transition",
            Operation::RouteTransitionPublished(_) => "route_transition_published",
            Operation::RouteTransitions => "route_transitions",
            Operation::Get(_) => "get",
            Operation::List(_) => "list",
            Operation::Feed { .. } => "feed",
            Operation::Trim { .. } => "trim",
            Operation::Step(_) => "(clock)",
            Operation::Kill => "(killed)",
            Operation::Restart => "(restarted)",
        }
    }

    /// Whether it is a call of a port, and not an event of the environment.
    pub fn is_a_call(&self) -> bool {
        !matches!(self, Operation::Step(_) | Operation::Kill | Operation::Restart)
    }

    /// The shard that it concerns, if there is exactly one.
    pub fn shard(&self, shards: u16) -> Option<Shard> {
        match self {
            Operation::Deliver(event) => Some(event.shard),
            Operation::CountAttempt { shard, .. }
            | Operation::Claim { shard, .. }
            | Operation::Sweep { shard, .. }
            | Operation::Depth(shard)
            | Operation::Feed { shard, .. }
            | Operation::Trim { shard, .. } => Some(*shard),
            Operation::Commit { claim, .. } | Operation::Finish { claim, .. } | Operation::Release(claim) => {
                Some(claim.shard)
            }
            Operation::Control { id, .. } | Operation::ControlOnce { id, .. } | Operation::Get(id) => {
                Some(id.shard(shards))
            }
            _ => None,
        }
    }
}
