//! Work on activeflows: claim, commit, finish, release.

use super::error::StoreError;
use crate::member::MemberId;
use crate::record::{EarlyInputs, Entry, Record};
use crate::{ActiveflowId, Shard};
use async_trait::async_trait;
use flow::Timestamp;

pub use crate::token::Token;

/// The right to change one activeflow, until another worker claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ActiveflowId,
    pub shard: Shard,
    pub token: Token,
}

/// Bounds of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    pub max: u32,
    /// Whether the worker holds no other activeflow. Only then it gets suspects: in groups, then alone.
    pub idle: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Claimed {
    /// `now` is the store's time; `suspects` is the number of suspects that wait for an idle worker.
    Rows { now: Timestamp, rows: Vec<Row>, suspects: u64 },
    /// The worker id was declared dead: take a new one.
    Dead,
}

/// A claimed activeflow with its inbox, unsettled commands and control.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub claim: Claim,
    pub record: Record,
    /// Bytes of the event that starts or started the activeflow.
    pub trigger: Vec<u8>,
    pub inbox: Vec<Entry>,
    /// Unsettled commands of earlier transitions, oldest first.
    pub outbox: Vec<Vec<u8>>,
    pub control: Option<Control>,
}

/// Request of a person or another system to an activeflow. A worker applies it before the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    Stop,
    Pause,
    Resume,
    /// Makes a quarantined activeflow ready again, alone.
    Retry,
    Continue,
    Forward {
        action_id: String,
    },
}

impl Control {
    /// The verb in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Control::Stop => "stop",
            Control::Pause => "pause",
            Control::Resume => "resume",
            Control::Retry => "retry",
            Control::Continue => "continue",
            Control::Forward { .. } => "forward",
        }
    }

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

/// Changes of one transition, stored in one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The new cursor, which begins with its format (see [`crate::record::cursor_bytes`]).
    pub body: Vec<u8>,
    /// Number of consumed inbox entries, from the oldest.
    pub consumed: u32,
    /// Bytes of the commands that the transition produced.
    pub commands: Vec<Vec<u8>>,
    pub journal: Option<Vec<u8>>,
    /// The control that the transition applied.
    pub control: Option<Control>,
    /// Early inputs in `body`. The store counts them together with the inbox.
    pub early: EarlyInputs,
    /// The messages among the commands.
    pub messages: Messages,
}

/// Messages of a transition. The store counts them for [`crate::limits::MESSAGE_WINDOW`], in the shard of the activeflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Maximum for each pair of numbers within the window.
    pub most: u32,
    /// Key and number of messages of each pair; a pair occurs once.
    pub pairs: Vec<([u8; 16], u32)>,
}

/// State of the claim after a commit or finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Keep the claim: commands have to be published first.
    KeepClaim,
    /// Release the claim and wait; refused with [`CommitOutcome::More`] while there is input or a control.
    Park { wait: u64, until: Option<Timestamp> },
    /// Release the claim and take no input until resumed; inputs are kept.
    Pause,
    /// Release the claim and be ready again, behind the others.
    Yield,
    /// End the activeflow: its reference becomes free, and `rest` and then the inbox are delivered again.
    End { rest: Vec<Entry> },
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommitOutcome {
    /// Stored. The claim is kept.
    ClaimKept { version: u64 },
    /// Stored. The claim is released.
    Released { version: u64 },
    /// Stored, but not parked: there is new input or a control. The claim is kept.
    More { version: u64, inbox: Vec<Entry>, control: Option<Control> },
    /// Nothing is stored: a pair of numbers would get more messages than it may. The claim is kept. `left` are the messages
    /// that each pair of the transition may still get, in its order.
    RateLimited { left: Vec<u32> },
    /// The claim is lost: nothing changed, and nothing of this work may become visible.
    Fenced,
}

#[async_trait]
pub trait Work: Send + Sync {
    /// Claims ready activeflows of a shard: resumed before new ones, longest ready first. A repeated nonce returns the rows
    /// that it claimed and still holds; a nonce lower than the last returns none. A worker has one claim of a shard in
    /// flight, and its nonces grow.
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        request: ClaimRequest,
    ) -> Result<Claimed, StoreError>;

    /// Moves an activeflow from `version` to `version + 1`. With commands, `after` is [`Disposition::KeepClaim`].
    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError>;

    /// Settles all but the last `unsettled` commands, then does `after`; [`Disposition::KeepClaim`] only settles.
    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError>;

    /// Releases the claim and leaves the activeflow as it was: ready again, no death counted.
    async fn release(&self, claim: &Claim) -> Result<(), StoreError>;

    /// Subscribes to wakeups for shards that have something to claim.
    async fn listen_ready(&self) -> Box<dyn Wakeups>;

    /// The format in which a transition writes its body and its journal entry.
    fn written_format(&self) -> u8;
}

/// Wakeups of shards with work: at most one for each time that an idle shard gets work. A wakeup may be lost:
/// every listener also polls.
#[async_trait]
pub trait Wakeups: Send {
    /// Waits for a wakeup. Dropping the future loses nothing.
    async fn next(&mut self) -> Shard;
}
