//! Operations on the member list, definitions and route transitions, and operations that only read.

use super::{CALLS, Generator};
use crate::fixtures::{CUSTOMERS, Call, customer, member, publication, transition, worker};
use crate::operation::Operation;
use common::ports::lookup::ListQuery;
use flow::Timestamp;

impl Generator {
    pub(super) fn members(&mut self) -> Operation {
        let me = worker(*self.rng.pick(&self.workers));
        self.heartbeats += 1;
        match self.rng.between(0, 10) {
            0..7 => {
                let gone =
                    if self.rng.percent(20) { vec![worker(*self.rng.pick(&self.workers))] } else { vec![] };
                Operation::Heartbeat { me: member(me, self.heartbeats, self.rng.between(0, 3)), gone }
            }
            7..9 => Operation::Leave(me),
            _ => Operation::Members,
        }
    }

    pub(super) fn publish(&mut self) -> Operation {
        let generation = match self.rng.between(0, 10) {
            0 => self.generation + 2,
            1..3 => self.generation,
            _ => self.generation + 1,
        };
        Operation::Publish(publication(&mut self.rng, generation))
    }

    pub(super) fn route_transition(&mut self) -> Operation {
        let transition = transition(&mut self.rng);
        match self.rng.between(0, 10) {
            0..5 => Operation::RecordRouteTransition(transition),
            5..8 => Operation::RouteTransitionPublished(transition),
            _ => Operation::RouteTransitions,
        }
    }

    pub(super) fn count_attempt(&mut self) -> Operation {
        let call = Call(self.rng.between(0, CALLS));
        let event = self.rng.between(0, self.events.len() as u64 + 1);
        Operation::CountAttempt { shard: call.shard(), key: call.key(event), attempt: self.rng.between(0, 4) }
    }

    pub(super) fn read(&mut self, now: Timestamp) -> Operation {
        let shard = self.shard();
        let behind = *self.rng.pick(&[0, 1, 3, 20, 100, 160]);
        match self.rng.between(0, 10) {
            0 => Operation::Get(self.id()),
            1 => Operation::Definitions(self.rng.between(0, self.generation + 2)),
            2 => Operation::Bundle(format!("{:02x}", self.rng.between(0, 9))),
            3 => Operation::Depth(shard),
            4..6 => {
                let behind = self.rng.percent(80).then_some(behind);
                Operation::Feed { shard, behind, max: self.rng.between(1, 30) as u32 }
            }
            6 => Operation::Trim { shard, through: behind },
            7 => Operation::Now,
            _ => self.list(now),
        }
    }

    fn list(&mut self, now: Timestamp) -> Operation {
        let before = self.rng.percent(60).then(|| (now.plus_micros(-self.step().abs()), self.id()));
        Operation::List(ListQuery {
            customer_id: customer(self.rng.between(0, CUSTOMERS + 1)),
            before,
            limit: *self.rng.pick(&[1, 2, 5, 50]),
        })
    }
}
