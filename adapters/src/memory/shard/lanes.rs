//! The ready queues of a shard.

use super::activeflow::ActiveflowEntry;
use common::ActiveflowId;
use common::record::Suspect;
use std::collections::VecDeque;

/// What is ready, in the order in which it will be claimed: `resumed` before `fresh`, suspects only by idle workers.
#[derive(Default)]
pub(crate) struct Lanes {
    pub resumed: VecDeque<ActiveflowId>,
    pub fresh: VecDeque<ActiveflowId>,
    pub suspects: VecDeque<ActiveflowId>,
    pub alone: VecDeque<ActiveflowId>,
}

impl Lanes {
    /// The lane of one that is ready.
    pub fn of(&mut self, held: &ActiveflowEntry) -> &mut VecDeque<ActiveflowId> {
        match held.record.suspect {
            Suspect::No if held.fresh => &mut self.fresh,
            Suspect::No => &mut self.resumed,
            Suspect::Group => &mut self.suspects,
            Suspect::Alone => &mut self.alone,
        }
    }
}
