//! Controls: stop, pause, resume, retry, continue, forward.

use super::state::ShardState;
use common::ActiveflowId;
use common::identity::reference_key;
use common::ports::lookup::{ControlRequest, Controlled};
use common::ports::work::Control;
use common::record::{State, Suspect};
use flow::Timestamp;

impl ShardState {
    pub fn control_once(
        &mut self,
        id: ActiveflowId,
        control: &Control,
        request: &ControlRequest,
        now: Timestamp,
    ) -> Controlled {
        if !self.activeflows.contains_key(&id) {
            return Controlled::Unknown;
        }
        if self.dedup.contains(&request.content) {
            return Controlled::Repeated;
        }
        if self.dedup.contains(&request.id) {
            return Controlled::IdReused;
        }
        if request.is_void {
            return Controlled::Void;
        }
        let controlled = self.control(id, control, now);
        if controlled == Controlled::Accepted {
            self.dedup.mark(&request.id);
            self.dedup.mark(&request.content);
        }
        controlled
    }

    pub fn control(&mut self, id: ActiveflowId, control: &Control, now: Timestamp) -> Controlled {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return Controlled::Unknown };
        match (activeflow.record.state, control) {
            (State::Ended, _) => return Controlled::Ended,
            (State::Quarantined, Control::Stop) => {
                activeflow.outbox.clear();
                self.end(id, &[], now);
                return Controlled::Ended;
            }
            (State::Quarantined, Control::Retry) => self.retry(id, now),
            (_, Control::Retry) => {}
            (State::Paused, Control::Pause) => {}
            (state, _) => {
                activeflow.control = Some(prevailing(activeflow.control.take(), control));
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

    /// Makes a quarantined activeflow ready, alone and without attempts. It owns its reference again if that is free.
    fn retry(&mut self, id: ActiveflowId, now: Timestamp) {
        let Some(activeflow) = self.activeflows.get_mut(&id) else { return };
        activeflow.record.suspect = Suspect::Alone;
        activeflow.record.attempts = 0;
        if activeflow.record.owner {
            let key = reference_key(&activeflow.record.spec.reference);
            activeflow.record.owner = *self.owners.entry(key).or_insert(id) == id;
        }
        self.make_ready(id, now);
    }
}

/// The control to keep: stop replaces pause, pause replaces the others; resume cancels a pause and keeps a jump.
fn prevailing(current: Option<Control>, new: &Control) -> Control {
    match (current, new) {
        (Some(Control::Stop), _) => Control::Stop,
        (Some(Control::Pause), Control::Stop | Control::Resume) => new.clone(),
        (Some(Control::Pause), _) => Control::Pause,
        (Some(jump), Control::Resume) => jump,
        _ => new.clone(),
    }
}
