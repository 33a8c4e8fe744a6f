//! Draws the operations of one history from its seed and from what the model answered.

mod look;
mod work;

use super::cast::{Call, worker};
use super::grip::Grip;
use super::operation::{Answer, Operation};
use super::plan::Plan;
use super::stores::SHARDS;
use common::ports::catalogue::Published;
use common::ports::intake::Delivered;
use common::ports::work::{Claimed, Control};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use std::collections::VecDeque;
use tests::carrier::Dice;

const CALLS: u64 = 9;
const WORKERS: usize = 4;
const REMEMBERED: usize = 60;

pub struct Generator {
    pub dice: Dice,
    pub grip: Grip,
    /// The last publication that succeeded.
    pub generation: u64,
    plan: Option<Plan>,
    /// The same call again: its answer was lost.
    again: VecDeque<Operation>,
    /// What was called before, and may come again as a copy that was late.
    called: VecDeque<Operation>,
    /// Every event that was drawn, by call and number.
    pub events: Vec<(Call, u64)>,
    /// Every activeflow that was heard of, in that order.
    ids: Vec<ActiveflowId>,
    workers: [u64; WORKERS],
    lives: u64,
    nonce: u64,
    crowd: u64,
    heartbeats: u64,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator {
            dice: Dice::new(seed, 11),
            grip: Grip::default(),
            generation: 0,
            plan: None,
            again: VecDeque::new(),
            called: VecDeque::new(),
            events: Vec::new(),
            ids: Vec::new(),
            workers: [0, 1, 2, 3],
            lives: WORKERS as u64,
            nonce: 0,
            crowd: 0,
            heartbeats: 0,
        }
    }

    pub fn draw(&mut self, now: Timestamp) -> Operation {
        if let Some(again) = self.again.pop_front() {
            return again;
        }
        let operation = self.next(now);
        if self.dice.percent(10) {
            // A caller elsewhere outlives the process that it asked; a worker, which claims, does not.
            if self.dice.percent(4) && !matches!(operation, Operation::Claim { .. }) {
                self.again.push_back(Operation::Kill);
            }
            self.again.push_back(operation.clone());
        }
        operation
    }

    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        self.grip.learn(operation, answer);
        match (operation, answer) {
            (_, Answer::Delivered(Delivered::Applied { started, .. })) => self.ids.extend(started),
            (_, Answer::Claimed(Claimed::Rows { rows, .. })) => {
                let handed_on = rows.iter().map(|row| row.claim.id).filter(|id| !self.ids.contains(id));
                let handed_on: Vec<ActiveflowId> = handed_on.collect();
                self.ids.extend(handed_on);
            }
            (Operation::Claim { worker: dead, .. }, Answer::Claimed(Claimed::Dead)) => {
                let life = self.new_life();
                // Some go on for a while with what they were.
                if let Some(place) = self.workers.iter_mut().find(|number| worker(**number) == *dead) {
                    *place = life;
                }
            }
            (Operation::Publish(published), Answer::Published(Published::Done)) => {
                self.generation = published.definitions.generation;
            }
            // Nobody who would repeat a claim outlives the process that it asked.
            (Operation::Kill | Operation::Bury, _) => {
                self.called.retain(|called| !matches!(called, Operation::Claim { .. }));
            }
            _ => {}
        }
        if operation.is_a_call() {
            self.called.push_back(operation.clone());
        }
        if self.called.len() > REMEMBERED {
            self.called.pop_front();
        }
    }

    fn next(&mut self, now: Timestamp) -> Operation {
        if self.plan.is_none() && self.dice.between(0, 300) == 0 {
            self.plan = Some(Plan::draw(self));
        }
        if self.plan.is_some()
            && self.dice.percent(80)
            && let Some(plan) = self.plan.take()
        {
            let (operation, left) = plan.step(self);
            self.plan = left;
            if let Some(operation) = operation {
                return operation;
            }
        }
        self.any(now)
    }

    fn any(&mut self, now: Timestamp) -> Operation {
        match self.dice.between(0, 1_000) {
            0..250 => self.deliver(),
            250..420 => self.claim(),
            420..600 => self.commit(now),
            600..670 => self.finish(now),
            670..690 => self.release(),
            690..750 => self.control(),
            750..800 => self.sweep(),
            800..860 => Operation::Step(self.step()),
            860..910 => self.late_copy().unwrap_or(Operation::Now),
            910..940 => self.members(),
            940..955 => self.publish(),
            955..970 => self.of_edges(),
            970..990 => self.look(now),
            990..996 => self.count_attempt(),
            996..999 => Operation::Kill,
            _ => Operation::Bury,
        }
    }

    fn control(&mut self) -> Operation {
        let control = match self.dice.between(0, 14) {
            0..2 => Control::Stop,
            2..5 => Control::Pause,
            5..8 => Control::Resume,
            8..11 => Control::Retry,
            11 => Control::Continue,
            _ => Control::Forward { action_id: format!("menu {}", self.dice.between(0, 3)) },
        };
        Operation::Control { id: self.id(), control }
    }

    fn sweep(&mut self) -> Operation {
        let mut dead = Vec::new();
        if self.dice.percent(25) {
            dead.push(worker(*self.dice.pick(&self.workers)));
        }
        if self.dice.percent(10) {
            dead.extend(self.grip.one(&mut self.dice).map(|held| held.claim.token.worker));
        }
        Operation::Sweep { shard: self.shard(), dead }
    }

    /// Microseconds; now and then back.
    fn step(&mut self) -> i64 {
        let dice = &mut self.dice;
        let (second, hour) = (1_000_000, 3_600_000_000);
        match dice.between(0, 100) {
            0..25 => dice.between(1, 1_000) as i64,
            25..55 => dice.between(1_000, second) as i64,
            55..79 => dice.between(second, 10 * second) as i64,
            79..85 => dice.between(60 * second, 70 * second) as i64,
            85..89 => dice.between(60 * second, hour) as i64,
            89..91 => hour as i64,
            91..94 => dice.between(12 * hour, 13 * hour) as i64,
            94..98 => -(dice.between(1, 10 * second) as i64),
            _ => -(dice.between(second, 2 * hour) as i64),
        }
    }

    fn late_copy(&mut self) -> Option<Operation> {
        let called = self.called.len() as u64;
        (called > 0).then(|| self.called[self.dice.between(0, called) as usize].clone())
    }

    fn shard(&mut self) -> Shard {
        Shard(self.dice.between(0, u64::from(SHARDS)) as u16)
    }

    /// One that may be there; of the newest more often.
    fn id(&mut self) -> ActiveflowId {
        let newest = self.ids.len().saturating_sub(if self.dice.percent(80) { 15 } else { 200 });
        match self.ids.is_empty() || self.dice.percent(3) {
            true => Call(0).start(u64::MAX, None).id,
            false => *self.dice.pick(&self.ids[newest..]),
        }
    }

    pub fn new_event(&mut self, call: &Call) -> u64 {
        let event = self.events.len() as u64;
        self.events.push((call.clone(), event));
        event
    }

    pub fn new_nonce(&mut self) -> u64 {
        self.nonce += 1;
        self.nonce
    }

    pub fn new_life(&mut self) -> u64 {
        self.lives += 1;
        self.lives
    }

    /// Another call of the shard of call number `first`.
    pub fn next_of_crowd(&mut self, first: u64) -> Call {
        let shard = Call(first).shard();
        loop {
            self.crowd += 1;
            let call = Call(first + self.crowd);
            if call.shard() == shard {
                return call;
            }
        }
    }
}
