//! Situations that random operations hardly ever produce: a full inbox, a long journal, many claims at once, repeated deaths.
//! A plan is a sequence of a few dozen operations, with random ones between them.

use super::fixtures::{Call, worker};
use super::generator::Generator;
use super::held_claims::HeldClaim;
use super::operation::Operation;
use super::stores::SHARDS;
use common::Shard;
use common::member::MemberId;
use common::ports::work::{ClaimRequest, Disposition, Transition};

/// First number of the calls that only plans use.
const CROWD: u64 = 1_000;

pub enum Plan {
    /// Delivers more events to one call than its inbox holds.
    Flood { call: Call, left: u64 },
    /// Commits transitions of one activeflow, each with a journal entry.
    Journal { left: u64 },
    /// Starts many calls, which one worker claims.
    Crowd { left: u64, all: u64 },
    /// Sweeps the dead worker of a [`Plan::Crowd`].
    KillHolder { all: u64, worker: MemberId },
    /// A worker claims and dies, repeatedly.
    Deaths { shard: Shard, left: u64, holder: Option<MemberId> },
}

impl Plan {
    pub fn draw(generator: &mut Generator) -> Plan {
        let rng = &mut generator.rng;
        match rng.between(0, 100) {
            0..20 => Plan::Flood { call: Call(rng.between(500, 520)), left: 280 },
            20..45 => Plan::Journal { left: 75 },
            45..68 => Plan::Crowd { left: 40, all: 40 },
            68..72 => Plan::Crowd { left: 300, all: 300 },
            _ => Plan::Deaths {
                shard: Shard(rng.between(0, u64::from(SHARDS)) as u16),
                left: 60,
                holder: None,
            },
        }
    }

    /// The next operation of the plan, and the rest of the plan.
    pub fn step(self, generator: &mut Generator) -> (Option<Operation>, Option<Plan>) {
        match self {
            Plan::Flood { left: 0, .. } | Plan::Journal { left: 0 } | Plan::Deaths { left: 0, .. } => {
                (None, None)
            }
            Plan::Flood { call, left } => {
                let event = generator.new_event(&call);
                let kind = if left.is_multiple_of(50) { "call.hangup" } else { "call.digits" };
                let owner = (left > 270).then(|| call.start(event, None));
                let deliver = call.by_reference(event, kind, generator.generation, owner, vec![]);
                (Some(Operation::Deliver(deliver)), Some(Plan::Flood { call, left: left - 1 }))
            }
            Plan::Journal { left } => {
                let Some(held) = generator.claims.held.last().cloned() else { return (None, None) };
                let made = Transition {
                    body: format!("\u{1}body {left}").into_bytes(),
                    journal: Some(format!("{{\"n\":{left}}}").into_bytes()),
                    ..Transition::default()
                };
                let HeldClaim { claim, version, .. } = held;
                let commit = Operation::Commit { claim, version, made, after: Disposition::KeepClaim };
                (Some(commit), Some(Plan::Journal { left: left - 1 }))
            }
            Plan::Crowd { left: 0, all } => {
                let (worker, nonce) = (worker(generator.new_worker()), generator.new_nonce());
                let want = ClaimRequest { max: all as u32, idle: false };
                let claim = Operation::Claim { shard: Call(CROWD).shard(), worker, nonce, want };
                (Some(claim), Some(Plan::KillHolder { all, worker }))
            }
            Plan::Crowd { left, all } => {
                let call = generator.next_of_crowd(CROWD);
                let event = generator.new_event(&call);
                let start = Some(call.start(event, None));
                let deliver = call.by_reference(event, "call.incoming", generator.generation, start, vec![]);
                (Some(Operation::Deliver(deliver)), Some(Plan::Crowd { left: left - 1, all }))
            }
            Plan::KillHolder { all, worker } => {
                let shard = Call(CROWD).shard();
                let again = (all > 256).then_some(Plan::KillHolder { all: all - 256, worker });
                (Some(Operation::Sweep { shard, dead: vec![worker] }), again)
            }
            Plan::Deaths { shard, left, holder: Some(holder) } => {
                let sweep = Operation::Sweep { shard, dead: vec![holder] };
                (Some(sweep), Some(Plan::Deaths { shard, left: left - 1, holder: None }))
            }
            Plan::Deaths { shard, left, holder: None } => {
                let (worker, nonce) = (worker(generator.new_worker()), generator.new_nonce());
                let claim =
                    Operation::Claim { shard, worker, nonce, want: ClaimRequest { max: 8, idle: true } };
                (Some(claim), Some(Plan::Deaths { shard, left: left - 1, holder: Some(worker) }))
            }
        }
    }
}
