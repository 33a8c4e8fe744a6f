//! Whether every activeflow is in exactly one place: what the indexes say and what the records say agree.

use super::ShardState;
use common::identity::reference_key;
use common::record::State;
use common::{ActiveflowId, ports::lookup::Found};
use std::collections::BTreeMap;

impl ShardState {
    pub fn everything(&self) -> Vec<Found> {
        self.held.keys().filter_map(|id| self.get(*id)).collect()
    }

    /// # Errors
    /// The first activeflow that is nowhere, in two places or in a wrong one.
    pub fn census(&self) -> Result<(), String> {
        let mut places: BTreeMap<ActiveflowId, Vec<State>> = BTreeMap::new();
        let lanes = &self.lanes;
        for lane in [&lanes.resumed, &lanes.fresh, &lanes.suspects, &lanes.alone] {
            lane.iter().for_each(|id| places.entry(*id).or_default().push(State::Ready));
        }
        self.claims.iter().for_each(|claim| places.entry(claim.1).or_default().push(State::Claimed));
        self.ended.iter().for_each(|ended| places.entry(ended.1).or_default().push(State::Ended));
        for (id, held) in self.held.iter() {
            let state = held.record.state;
            let found = places.remove(id).unwrap_or_default();
            let right = match state {
                State::Ready | State::Claimed | State::Ended => found == [state],
                State::Waiting | State::Paused | State::Quarantined => found.is_empty(),
            };
            if !right {
                return Err(format!("{id} is {} and is found in {found:?}", state.name()));
            }
            let timer = held.record.deadline.map(|deadline| self.waits.contains(&(deadline, *id)));
            if timer == Some(false)
                || (state == State::Waiting && held.record.deadline.is_none() != timer.is_none())
            {
                return Err(format!("{id} has a deadline and no timer"));
            }
            let live = ![State::Ended, State::Quarantined].contains(&state);
            let key = reference_key(&held.record.seed.reference);
            if held.record.owner && live && self.owners.get(&key) != Some(id) {
                return Err(format!("{id} owns its reference and is not found by it"));
            }
        }
        match places.first_key_value() {
            Some((id, places)) => Err(format!("{id} is forgotten and still found in {places:?}")),
            None => Ok(()),
        }
    }
}
