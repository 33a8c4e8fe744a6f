//! Draws the operations of one history from its seed and the model's answers.

mod reads;
mod work;

use super::fixtures::{Call, worker};
use super::held_claims::HeldClaims;
use super::operation::{Answer, Operation};
use super::plan::Plan;
use super::stores::SHARDS;
use common::ports::catalogue::Published;
use common::ports::intake::Delivered;
use common::ports::lookup::ControlRequest;
use common::ports::work::{Claimed, Control};
use common::{ActiveflowId, Shard};
use flow::Timestamp;
use std::collections::VecDeque;
use tests::rng::Rng;

const CALLS: u64 = 9;
const WORKERS: usize = 4;
const REMEMBERED: usize = 60;

pub struct Generator {
    pub rng: Rng,
    pub claims: HeldClaims,
    /// The last publication that succeeded.
    pub generation: u64,
    plan: Option<Plan>,
    /// Calls that are repeated because their answer was lost.
    repeated: VecDeque<Operation>,
    /// Earlier calls, of which late copies may arrive.
    past_calls: VecDeque<Operation>,
    /// Every event that was drawn, by call and number.
    pub events: Vec<(Call, u64)>,
    /// Every known activeflow, in the order in which they became known.
    ids: Vec<ActiveflowId>,
    workers: [u64; WORKERS],
    workers_started: u64,
    nonce: u64,
    crowd: u64,
    heartbeats: u64,
    /// How often the clock went back.
    jumps_back: u8,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator {
            rng: Rng::new(seed, 11),
            claims: HeldClaims::default(),
            generation: 0,
            plan: None,
            repeated: VecDeque::new(),
            past_calls: VecDeque::new(),
            events: Vec::new(),
            ids: Vec::new(),
            workers: [0, 1, 2, 3],
            workers_started: WORKERS as u64,
            nonce: 0,
            crowd: 0,
            heartbeats: 0,
            jumps_back: 0,
        }
    }

    pub fn draw(&mut self, now: Timestamp) -> Operation {
        if let Some(repeated) = self.repeated.pop_front() {
            return repeated;
        }
        let operation = self.next(now);
        if self.rng.percent(10) {
            // A remote caller survives the store's process; a worker, which claims, runs inside it.
            if self.rng.percent(4) && !matches!(operation, Operation::Claim { .. }) {
                self.repeated.push_back(Operation::Kill);
            }
            self.repeated.push_back(operation.clone());
        }
        operation
    }

    pub fn learn(&mut self, operation: &Operation, answer: &Answer) {
        self.claims.learn(operation, answer);
        match (operation, answer) {
            (_, Answer::Delivered(Delivered::Applied { started, .. })) => self.ids.extend(started),
            (_, Answer::Claimed(Claimed::Rows { rows, .. })) => {
                let unknown = rows.iter().map(|row| row.claim.id).filter(|id| !self.ids.contains(id));
                let unknown: Vec<ActiveflowId> = unknown.collect();
                self.ids.extend(unknown);
            }
            (Operation::Claim { worker: dead, .. }, Answer::Claimed(Claimed::Dead)) => {
                let number = self.new_worker();
                // Not every worker: some keep using a dead id for a while.
                if let Some(current) = self.workers.iter_mut().find(|number| worker(**number) == *dead) {
                    *current = number;
                }
            }
            (Operation::Publish(published), Answer::Published(Published::Done)) => {
                self.generation = published.definitions.generation;
            }
            // A worker that could repeat a claim dies with the store's process.
            (Operation::Kill | Operation::Restart, _) => {
                self.past_calls.retain(|called| !matches!(called, Operation::Claim { .. }));
            }
            _ => {}
        }
        if operation.is_a_call() {
            self.past_calls.push_back(operation.clone());
        }
        if self.past_calls.len() > REMEMBERED {
            self.past_calls.pop_front();
        }
    }

    fn next(&mut self, now: Timestamp) -> Operation {
        if self.plan.is_none() && self.rng.between(0, 300) == 0 {
            self.plan = Some(Plan::draw(self));
        }
        if self.plan.is_some()
            && self.rng.percent(80)
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
        match self.rng.between(0, 1_000) {
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
            955..970 => self.route_transition(),
            970..990 => self.read(now),
            990..996 => self.count_attempt(),
            996..999 => Operation::Kill,
            _ => Operation::Restart,
        }
    }

    fn control(&mut self) -> Operation {
        let control = match self.rng.between(0, 14) {
            0..2 => Control::Stop,
            2..5 => Control::Pause,
            5..8 => Control::Resume,
            8..11 => Control::Retry,
            11 => Control::Continue,
            _ => Control::Forward { action_id: format!("menu {}", self.rng.between(0, 3)) },
        };
        let id = self.id();
        if self.rng.percent(60) {
            return Operation::Control { id, control };
        }
        let number = self.rng.between(0, 3).to_string();
        let request = ControlRequest::new(id, "console", &number, &control);
        let request = ControlRequest { is_void: self.rng.percent(20), ..request };
        Operation::ControlOnce { id, control, request }
    }

    fn sweep(&mut self) -> Operation {
        let mut dead = Vec::new();
        if self.rng.percent(25) {
            dead.push(worker(*self.rng.pick(&self.workers)));
        }
        if self.rng.percent(10) {
            dead.extend(self.claims.one(&mut self.rng).map(|held| held.claim.token.worker));
        }
        Operation::Sweep { shard: self.shard(), dead }
    }

    /// Clock step in microseconds, sometimes negative.
    fn step(&mut self) -> i64 {
        let rng = &mut self.rng;
        let (second, hour) = (1_000_000, 3_600_000_000);
        let step = match rng.between(0, 100) {
            0..25 => rng.between(1, 1_000) as i64,
            25..55 => rng.between(1_000, second) as i64,
            55..79 => rng.between(second, 10 * second) as i64,
            79..85 => rng.between(60 * second, 70 * second) as i64,
            85..89 => rng.between(60 * second, hour) as i64,
            89..91 => hour as i64,
            91..94 => rng.between(12 * hour, 13 * hour) as i64,
            94..98 => -(rng.between(1, 10 * second) as i64),
            _ => -(rng.between(second, 2 * hour) as i64),
        };
        self.jumps_back = self.jumps_back.wrapping_add(u8::from(step < 0));
        step
    }

    fn late_copy(&mut self) -> Option<Operation> {
        let called = self.past_calls.len() as u64;
        (called > 0).then(|| self.past_calls[self.rng.between(0, called) as usize].clone())
    }

    fn shard(&mut self) -> Shard {
        Shard(self.rng.between(0, u64::from(SHARDS)) as u16)
    }

    /// An activeflow that may exist, usually a recent one.
    fn id(&mut self) -> ActiveflowId {
        let newest = self.ids.len().saturating_sub(if self.rng.percent(80) { 15 } else { 200 });
        match self.ids.is_empty() || self.rng.percent(3) {
            true => Call(0).start(u64::MAX, None).id,
            false => *self.rng.pick(&self.ids[newest..]),
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

    pub fn new_worker(&mut self) -> u64 {
        self.workers_started += 1;
        self.workers_started
    }

    /// The next call in the shard of call number `first`.
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
