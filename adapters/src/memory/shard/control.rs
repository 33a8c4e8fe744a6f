//! What a person asks of an activeflow.

use super::state::ShardState;
use common::ActiveflowId;
use common::identity::reference_key;
use common::ports::lookup::Controlled;
use common::ports::work::Control;
use common::record::{State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn control(&mut self, id: ActiveflowId, control: &Control, now: Timestamp) -> Controlled {
        let Some(held) = self.held.get_mut(&id) else { return Controlled::Unknown };
        match (held.record.state, control) {
            (State::Ended, _) => return Controlled::Ended,
            (State::Quarantined, Control::Stop) => {
                held.outbox.clear();
                self.end(id, &[], now);
                return Controlled::Ended;
            }
            (State::Quarantined, Control::Retry) => self.retry(id, now),
            (_, Control::Retry) => {}
            (State::Paused, Control::Pause) => {}
            (state, _) => {
                held.control = Some(prevailing(held.control.take(), control));
                let wakes = match state {
                    State::Paused => matches!(control, Control::Stop | Control::Resume),
                    state => state == State::Waiting,
                };
                if wakes {
                    self.make_ready(id, now);
                }
            }
        }
        Controlled::Accepted
    }

    /// Alone, with its attempts forgiven; its reference is taken back if it is free.
    fn retry(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(held) = self.held.get_mut(&id) else { return };
        held.record.suspect = Suspect::Alone;
        held.record.attempts = 0;
        if held.record.owner {
            let key = reference_key(&held.record.spec.reference);
            held.record.owner = *self.owners.entry(key).or_insert(id) == id;
        }
        self.make_ready(id, now);
    }
}

/// Stop goes before pause, pause before the rest; resuming takes a pause back, and keeps a jump that was asked for.
fn prevailing(standing: Option<Control>, new: &Control) -> Control {
    match (standing, new) {
        (Some(Control::Stop), _) => Control::Stop,
        (Some(Control::Pause), Control::Stop | Control::Resume) => new.clone(),
        (Some(Control::Pause), _) => Control::Pause,
        (Some(jump), Control::Resume) => jump,
        _ => new.clone(),
    }
}
