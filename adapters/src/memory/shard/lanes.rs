//! The ready queues of a shard.

use super::activeflow::ActiveflowEntry;
use common::ActiveflowId;
use common::record::Suspect;
use std::collections::VecDeque;

/// Ready activeflows in the order of their claims: `resumed` before `fresh`; `suspects` and `alone` only for idle workers.
#[derive(Default)]
pub(crate) struct Lanes {
    pub resumed: VecDeque<ActiveflowId>,
    pub fresh: VecDeque<ActiveflowId>,
    pub suspects: VecDeque<ActiveflowId>,
    pub alone: VecDeque<ActiveflowId>,
}

impl Lanes {
    /// Lane of a ready activeflow.
    pub fn of(&mut self, activeflow: &ActiveflowEntry) -> &mut VecDeque<ActiveflowId> {
        match activeflow.record.suspect {
            Suspect::No if activeflow.fresh => &mut self.fresh,
            Suspect::No => &mut self.resumed,
            Suspect::Group => &mut self.suspects,
            Suspect::Alone => &mut self.alone,
        }
    }
}
