//! Invariants: records and indexes agree, and every activeflow is in exactly one place.

use super::state::ShardState;
use common::identity::reference_key;
use common::record::State;
use common::{ActiveflowId, ports::lookup::ActiveflowSnapshot};
use std::collections::BTreeMap;

impl ShardState {
    pub fn everything(&self) -> Vec<ActiveflowSnapshot> {
        self.activeflows.keys().filter_map(|id| self.get(*id)).collect()
    }

    /// # Errors
    /// The first activeflow that is in no place, in two places or in a wrong one.
    pub fn check_invariants(&self) -> Result<(), String> {
        let mut places: BTreeMap<ActiveflowId, Vec<State>> = BTreeMap::new();
        let lanes = &self.lanes;
        for lane in [&lanes.resumed, &lanes.fresh, &lanes.suspects, &lanes.alone] {
            lane.iter().for_each(|id| places.entry(*id).or_default().push(State::Ready));
        }
        self.claims.iter().for_each(|claim| places.entry(claim.1).or_default().push(State::Claimed));
        self.ended.iter().for_each(|ended| places.entry(ended.1).or_default().push(State::Ended));
        for (id, activeflow) in self.activeflows.iter() {
            let state = activeflow.record.state;
            let found = places.remove(id).unwrap_or_default();
            let right = match state {
                State::Ready | State::Claimed | State::Ended => found == [state],
                State::Waiting | State::Paused | State::Quarantined => found.is_empty(),
            };
            if !right {
                return Err(format!("{id} is {} and is found in {found:?}", state.name()));
            }
            if activeflow.record.deadline.is_some_and(|deadline| !self.waits.contains(&(deadline, *id))) {
                return Err(format!("{id} has a deadline and no timer"));
            }
            let live = ![State::Ended, State::Quarantined].contains(&state);
            let key = reference_key(&activeflow.record.spec.reference);
            if activeflow.record.owner && live && self.owners.get(&key) != Some(id) {
                return Err(format!("{id} owns its reference and is not found by it"));
            }
        }
        let deadline = |id| self.activeflows.get(id).and_then(|activeflow| activeflow.record.deadline);
        if let Some((_, id)) = self.waits.iter().find(|(until, id)| deadline(id) != Some(*until)) {
            return Err(format!("{id} has a timer and no deadline"));
        }
        match places.first_key_value() {
            Some((id, places)) => Err(format!("{id} is forgotten and still found in {places:?}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::limits::Limits;
    use common::Shard;
    use common::member::MemberId;
    use common::ports::work::{ClaimRequest, Claimed, Disposition, Token, Transition};
    use common::record::{ActiveflowSpec, FlowRef, Start};
    use flow::route::Reference;
    use flow::{Class, Timestamp};
    use std::collections::BTreeSet;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);
    const LATER: Timestamp = Timestamp::from_micros(9_000_000);

    fn start(n: u8) -> Start {
        let subject = format!("call-{n}");
        Start {
            id: ActiveflowId::from_bytes([n; 16]),
            class: Class::Voice,
            spec: ActiveflowSpec {
                reference: Reference { realm: "default".into(), kind: "call".into(), subject },
                customer_id: "acme".into(),
                bundle: [7; 32],
                hears: BTreeSet::new(),
                flow: FlowRef { id: "f".into(), name: "f".into(), version: 1 },
                traceparent: None,
            },
        }
    }

    /// Activeflow 1 is ended, 2 waits with a deadline, 3 is claimed, 4 and 5 are ready, 5 without its reference.
    fn shard() -> ShardState {
        let mut shard = ShardState::new(Shard(0), Limits::default());
        for n in 1..=5 {
            assert!(shard.create(&start(n), n != 5, b"{}", None, NOW));
        }
        let token = Token { worker: MemberId(uuid::Uuid::from_u128(1)), nonce: 1 };
        let Claimed::Rows { rows, .. } = shard.claim(token, ClaimRequest { max: 3, idle: false }, NOW) else {
            panic!("not dead")
        };
        let taking = Transition { consumed: 1, ..Transition::default() };
        shard.commit(&rows[0].claim, 0, &taking, &Disposition::End { rest: vec![] }, NOW).unwrap();
        let park = Disposition::Park { wait: 1, until: Some(LATER) };
        shard.commit(&rows[1].claim, 0, &taking, &park, NOW).unwrap();
        shard
    }

    #[test]
    fn an_activeflow_in_no_place_in_two_or_in_a_wrong_one_is_found() {
        assert_eq!(shard().check_invariants(), Ok(()));
        let id = |n: u8| ActiveflowId::from_bytes([n; 16]);
        type Damage = fn(&mut ShardState, ActiveflowId);
        let damages: [(u8, &str, Damage); 11] = [
            (4, "is ready and is found in []", |shard, _| shard.lanes.fresh.clear()),
            (4, "is ready and is found in [Ready, Ready]", |shard, id| shard.lanes.alone.push_back(id)),
            (3, "is claimed and is found in []", |shard, _| shard.claims.clear()),
            (3, "is claimed and is found in [Ready, Claimed]", |shard, id| shard.lanes.resumed.push_back(id)),
            (2, "is waiting and is found in [Ready]", |shard, id| shard.lanes.suspects.push_back(id)),
            (2, "has a deadline and no timer", |shard, _| shard.waits.clear()),
            (3, "has a timer and no deadline", |shard, id| {
                shard.waits.insert((LATER, id));
            }),
            (2, "has a timer and no deadline", |shard, id| {
                shard.waits.insert((NOW, id));
            }),
            (1, "is ended and is found in []", |shard, _| shard.ended.clear()),
            (3, "owns its reference and is not found by it", |shard, _| shard.owners.clear()),
            (9, "is forgotten and still found in [Ended]", |shard, id| {
                shard.ended.insert((NOW, id));
            }),
        ];
        for (n, what, damage) in damages {
            let mut shard = shard();
            damage(&mut shard, id(n));
            let found = shard.check_invariants().unwrap_err();
            assert!(found.ends_with(what), "{found}, expected {what}");
        }
    }
}
