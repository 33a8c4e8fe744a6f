//! Events, claims, and operations under a claim.

use super::{CALLS, Generator};
use crate::fixtures::{Call, KINDS, worker};
use crate::held_claims::HeldClaim;
use crate::operation::Operation;
use crate::stores::SHARDS;
use common::ports::work::{ClaimRequest, Control, Disposition, Messages, Token, Transition};
use common::record::{EarlyInputs, Entry};
use flow::Timestamp;

impl Generator {
    pub(super) fn deliver(&mut self) -> Operation {
        let call = Call(self.rng.between(0, CALLS));
        let event = match self.events.iter().rev().take(20).find(|event| event.0 == call) {
            Some(event) if self.rng.percent(30) => event.1,
            _ => self.new_event(&call),
        };
        if self.rng.percent(20) && !self.ids.is_empty() {
            let newest = self.ids.len().saturating_sub(40);
            let id = *self.rng.pick(&self.ids[newest..]);
            let realm = if self.rng.percent(90) { call.realm() } else { "nobody's" };
            let mut deliver = call.to_activeflow(event, id, realm);
            deliver.shard = id.shard(SHARDS);
            return Operation::Deliver(deliver);
        }
        let kind = *self.rng.pick(&KINDS);
        let owner = self.rng.percent(50).then(|| call.start(event, None));
        let sides = if self.rng.percent(15) { self.rng.between(1, 3) } else { 0 };
        let sides = (0..sides).map(|side| call.start(event, Some(side))).collect();
        let generation = match self.rng.between(0, 100) {
            0 => self.generation + 1,
            1..6 => self.generation.saturating_sub(1),
            _ => self.generation,
        };
        let mut deliver = call.by_reference(event, kind, generation, owner, sides);
        if self.rng.percent(2) {
            // Five such events exceed an inbox.
            deliver.input.resize(60_000, b' ');
        }
        if self.rng.percent(40) {
            let worker = worker(*self.rng.pick(&self.workers));
            deliver.eager = Some(Token { worker, nonce: (1 << 63) + self.new_nonce() });
        }
        Operation::Deliver(deliver)
    }

    pub(super) fn claim(&mut self) -> Operation {
        let worker = worker(*self.rng.pick(&self.workers));
        let max = *self.rng.pick(&[0, 1, 2, 3, 5, 40]);
        let want = ClaimRequest { max, idle: self.rng.percent(35) };
        Operation::Claim { shard: self.shard(), worker, nonce: self.new_nonce(), want }
    }

    pub(super) fn commit(&mut self, now: Timestamp) -> Operation {
        let Some((held, version)) = self.some_claim() else { return self.claim() };
        let consumed = match self.rng.between(0, 10) {
            0..5 => held.inbox.len() as u32,
            5..9 => self.rng.between(0, held.inbox.len() as u64 + 1) as u32,
            _ => held.inbox.len() as u32 + 1,
        };
        let commands = if self.rng.percent(35) { self.rng.between(1, 5) } else { 0 };
        let made = Transition {
            body: vec![1; self.rng.between(1, 40) as usize],
            consumed,
            commands: (0..commands).map(|n| format!("command {version} {n}").into_bytes()).collect(),
            journal: self.rng.percent(50).then(|| format!("journal {version}").into_bytes()),
            control: if self.rng.percent(80) { held.control.clone() } else { Some(Control::Pause) },
            messages: self.messages(),
            early: self.early(),
        };
        // With commands the claim has to be kept; anything else is an error that all stores must report.
        let after = if commands > 0 && self.rng.percent(93) {
            Disposition::KeepClaim
        } else {
            self.after(&held, now)
        };
        Operation::Commit { claim: held.claim, version, made, after }
    }

    /// Messages to some of a few numbers; to others after the clock went back: a store that forgot old messages meanwhile may
    /// count fewer of them.
    fn messages(&mut self) -> Messages {
        let mut pairs = Vec::new();
        for pair in 0..4 {
            if self.rng.percent(10) {
                let mut key = [pair; 16];
                key[0] = self.jumps_back;
                pairs.push((key, self.rng.between(1, 4) as u32));
            }
        }
        Messages { most: *self.rng.pick(&[2, 5, 20]), pairs }
    }

    /// Mostly few early inputs; sometimes nearly as many, or as many bytes, as an inbox may hold together with them.
    fn early(&mut self) -> EarlyInputs {
        match self.rng.between(0, 20) {
            0 => EarlyInputs { count: self.rng.between(250, 260) as u16, bytes: 4_000 },
            1 => EarlyInputs { count: 9, bytes: self.rng.between(261_000, 262_200) as u32 },
            2..6 => EarlyInputs { count: self.rng.between(1, 4) as u16, bytes: 700 },
            _ => EarlyInputs::default(),
        }
    }

    pub(super) fn finish(&mut self, now: Timestamp) -> Operation {
        let Some((held, version)) = self.some_claim() else { return self.claim() };
        let unsettled = match self.rng.between(0, 10) {
            0..6 => 0,
            _ => self.rng.between(0, u64::from(held.unsettled) + 2) as u32,
        };
        let after = if unsettled > 0 && self.rng.percent(80) {
            Disposition::KeepClaim
        } else {
            self.after(&held, now)
        };
        Operation::Finish { claim: held.claim, version, unsettled, after }
    }

    /// Usually a valid claim at its version, otherwise an old claim or a wrong version.
    fn some_claim(&mut self) -> Option<(HeldClaim, u64)> {
        let lost = self.rng.percent(12);
        let found = match lost {
            true => self.claims.lost_one(&mut self.rng),
            false => self.claims.one(&mut self.rng),
        };
        let held = found?.clone();
        let version = match self.rng.between(0, 20) {
            0 => held.version + 1,
            1 => held.version.saturating_sub(1),
            2 => self.rng.between(0, 6),
            _ => held.version,
        };
        Some((held, version))
    }

    fn after(&mut self, held: &HeldClaim, now: Timestamp) -> Disposition {
        match self.rng.between(0, 100) {
            0..20 => Disposition::KeepClaim,
            20..65 => {
                let until = self.rng.percent(70).then(|| now.plus_millis(self.step().abs() / 2_000 - 500));
                Disposition::Park { wait: self.rng.between(1, 90), until }
            }
            65..75 => Disposition::Pause,
            75..85 => Disposition::Yield,
            _ => Disposition::End { rest: self.rest(held) },
        }
    }

    /// Inputs that the cursor took and did not use.
    fn rest(&mut self, held: &HeldClaim) -> Vec<Entry> {
        let taken = self.rng.between(0, held.inbox.len() as u64 + 1) as usize;
        let mut rest = if self.rng.percent(40) { held.inbox[..taken].to_vec() } else { vec![] };
        if self.rng.percent(10) {
            rest.push(Entry::Timer { wait: 3 });
        }
        rest
    }

    pub(super) fn release(&mut self) -> Operation {
        match self.some_claim() {
            Some((held, _)) => Operation::Release(held.claim),
            None => self.claim(),
        }
    }
}
