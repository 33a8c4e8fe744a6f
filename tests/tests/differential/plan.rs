//! What chance alone would hardly bring about: a full inbox, a long journal, a crowd, one death after another. A plan is a
//! few dozen operations with others between them.

use super::cast::{Call, worker};
use super::generator::Generator;
use super::grip::Held;
use super::operation::Operation;
use super::stores::SHARDS;
use common::Shard;
use common::member::MemberId;
use common::ports::work::{After, Transition, Want};

/// Numbers of calls that only plans use.
const CROWD: u64 = 1_000;

pub enum Plan {
    /// So many events to one call, more than its inbox holds.
    Flood {
        call: Call,
        left: u64,
    },
    /// So many transitions of one activeflow with a journal entry each.
    Journal {
        left: u64,
    },
    /// So many calls come, one worker claims them all, and dies.
    Crowd {
        left: u64,
        all: u64,
    },
    Fall {
        all: u64,
        worker: MemberId,
    },
    /// A worker claims, and dies with it, so many times.
    Deaths {
        shard: Shard,
        left: u64,
        holder: Option<MemberId>,
    },
}

impl Plan {
    pub fn draw(generator: &mut Generator) -> Plan {
        let dice = &mut generator.dice;
        match dice.between(0, 100) {
            0..20 => Plan::Flood { call: Call(dice.between(500, 520)), left: 280 },
            20..45 => Plan::Journal { left: 75 },
            45..68 => Plan::Crowd { left: 40, all: 40 },
            68..72 => Plan::Crowd { left: 300, all: 300 },
            _ => Plan::Deaths {
                shard: Shard(dice.between(0, u64::from(SHARDS)) as u16),
                left: 60,
                holder: None,
            },
        }
    }

    /// The next operation of the plan, and what is left of it.
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
                let Some(held) = generator.grip.held.last().cloned() else { return (None, None) };
                let made = Transition {
                    body: format!("body {left}").into_bytes(),
                    journal: Some(format!("{{\"n\":{left}}}").into_bytes()),
                    ..Transition::default()
                };
                let Held { claim, version, .. } = held;
                let commit = Operation::Commit { claim, version, made, after: After::KeepClaim };
                (Some(commit), Some(Plan::Journal { left: left - 1 }))
            }
            Plan::Crowd { left: 0, all } => {
                let (worker, nonce) = (worker(generator.new_life()), generator.new_nonce());
                let want = Want { max: all as u32, idle: false };
                let claim = Operation::Claim { shard: Call(CROWD).shard(), worker, nonce, want };
                (Some(claim), Some(Plan::Fall { all, worker }))
            }
            Plan::Crowd { left, all } => {
                let call = generator.next_of_crowd(CROWD);
                let event = generator.new_event(&call);
                let start = Some(call.start(event, None));
                let deliver = call.by_reference(event, "call.incoming", generator.generation, start, vec![]);
                (Some(Operation::Deliver(deliver)), Some(Plan::Crowd { left: left - 1, all }))
            }
            Plan::Fall { all, worker } => {
                let shard = Call(CROWD).shard();
                let again = (all > 256).then_some(Plan::Fall { all: all - 256, worker });
                (Some(Operation::Sweep { shard, dead: vec![worker] }), again)
            }
            Plan::Deaths { shard, left, holder: Some(holder) } => {
                let sweep = Operation::Sweep { shard, dead: vec![holder] };
                (Some(sweep), Some(Plan::Deaths { shard, left: left - 1, holder: None }))
            }
            Plan::Deaths { shard, left, holder: None } => {
                let (worker, nonce) = (worker(generator.new_life()), generator.new_nonce());
                let claim = Operation::Claim { shard, worker, nonce, want: Want { max: 8, idle: true } };
                (Some(claim), Some(Plan::Deaths { shard, left: left - 1, holder: Some(worker) }))
            }
        }
    }
}
