//! How a worker takes activeflows and moves them: claim, commit, finish, release.

use super::error::StoreError;
use crate::member::MemberId;
use crate::record::{Entry, Record};
use crate::{ActiveflowId, Shard};
use async_trait::async_trait;
use flow::Timestamp;

pub use crate::token::Token;

/// The right to change one activeflow, until another takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ActiveflowId,
    pub shard: Shard,
    pub token: Token,
}

/// How much a worker wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    pub max: u32,
    /// The worker holds nothing else: suspects go only to such a one, in groups of 32, then alone.
    pub idle: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// `now` is the store's time; `suspects` still wait for an idle worker.
    Rows { now: Timestamp, rows: Vec<Row>, suspects: u64 },
    /// This worker id was declared dead: take a new one.
    Dead,
}

/// A claimed activeflow with all that waits for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub claim: Claim,
    pub record: Record,
    pub inbox: Vec<Entry>,
    /// Commands of earlier transitions that were not settled, oldest first.
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
}

/// What a person or another system asks of an activeflow; read before its inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    Stop,
    Pause,
    Resume,
    /// Of a quarantined activeflow: try again, alone.
    Retry,
    Continue,
    Forward {
        action_id: String,
    },
}

impl Control {
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Control::Stop => b"s".to_vec(),
            Control::Pause => b"p".to_vec(),
            Control::Resume => b"r".to_vec(),
            Control::Retry => b"t".to_vec(),
            Control::Continue => b"c".to_vec(),
            Control::Forward { action_id } => [b"f", action_id.as_bytes()].concat(),
        }
    }

    /// `None` for bytes that are not a control.
    pub fn from_bytes(bytes: &[u8]) -> Option<Control> {
        let (kind, action) = bytes.split_first()?;
        Some(match kind {
            b's' => Control::Stop,
            b'p' => Control::Pause,
            b'r' => Control::Resume,
            b't' => Control::Retry,
            b'c' => Control::Continue,
            b'f' => Control::Forward { action_id: String::from_utf8_lossy(action).into_owned() },
            _ => return None,
        })
    }
}

/// What one transition changes, all in one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The new cursor.
    pub body: Vec<u8>,
    /// How many inbox entries, from the oldest, went into it.
    pub consumed: u32,
    /// Bytes of the commands it asks for.
    pub commands: Vec<Vec<u8>>,
    pub journal: Option<Vec<u8>>,
    /// The control that went into it.
    pub control: Option<Control>,
}

/// What becomes of the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Keep it: commands have to be published first.
    KeepClaim,
    /// Release and wait; refused with [`CommitOutcome::More`] while inbox or control hold something.
    Park { wait: u64, until: Option<Timestamp> },
    /// Release and take no input until resumed; what comes meanwhile is kept.
    Pause,
    /// Release and be ready again, behind the others.
    Yield,
    /// End: the reference is given up, and `rest` and then the inbox are delivered again.
    End { rest: Vec<Entry> },
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommitOutcome {
    /// Stored; the claim is kept.
    ClaimKept { version: u64 },
    /// Stored; the claim is released.
    Released { version: u64 },
    /// Stored, but not parked: this came meanwhile. The claim is kept.
    More { version: u64, inbox: Vec<Entry>, control: Option<Control> },
    /// The claim is another's: nothing changed and nothing of this work may become visible.
    Fenced,
}

#[async_trait]
pub trait Work: Send + Sync {
    /// Claims ready activeflows of a shard: resumptions before new ones, longest ready first. A repeated nonce answers
    /// with the rows that it claimed before and still holds; one that is lower than the last with none. A worker has one
    /// claim of a shard under way, and its nonces grow.
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        want: Want,
    ) -> Result<Claimed, StoreError>;

    /// Moves an activeflow from `version` to `version + 1`. With commands, `after` is [`After::KeepClaim`].
    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &After,
    ) -> Result<CommitOutcome, StoreError>;

    /// Settles all but the last `unsettled` commands, and then does `after` ([`After::KeepClaim`] only settles).
    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &After,
    ) -> Result<CommitOutcome, StoreError>;

    /// Gives the claim back unchanged: ready again, no death counted.
    async fn release(&self, claim: &Claim) -> Result<(), StoreError>;

    /// What rings when a shard has something to claim.
    async fn listen_ready(&self) -> Box<dyn Wakeups>;
}

/// Rings when there is something to do, at best once for each change from nothing to something. A ring may be lost:
/// every listener also looks once a second.
#[async_trait]
pub trait Wakeups: Send {
    /// Waits for a ring. Dropping the future loses nothing.
    async fn next(&mut self) -> Shard;
}
