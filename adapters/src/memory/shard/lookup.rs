//! Reads of activeflows and of the feed.

use super::activeflow::ActiveflowEntry;
use super::state::ShardState;
use common::ActiveflowId;
use common::ports::lookup::{ActiveflowSnapshot, FeedEntry, ListQuery};

impl ShardState {
    pub fn get(&self, id: ActiveflowId) -> Option<ActiveflowSnapshot> {
        self.activeflows.get(&id).map(|activeflow| found(id, activeflow))
    }

    pub fn list(&self, query: &ListQuery) -> Vec<ActiveflowSnapshot> {
        let Some(index) = self.index.get(&query.customer_id) else { return Vec::new() };
        let newest_first = index.iter().rev().filter(|key| query.before.is_none_or(|before| **key < before));
        newest_first.take(query.limit as usize).filter_map(|key| self.get(key.1)).collect()
    }

    pub fn feed(&self, after: &str, max: u32) -> Vec<FeedEntry> {
        let behind = self.feed.iter().filter(|entry| entry.position.as_str() > after);
        behind.take(max as usize).cloned().collect()
    }

    pub fn trim(&mut self, through: &str) {
        while self.feed.front().is_some_and(|entry| entry.position.as_str() <= through) {
            self.feed.pop_front();
        }
    }
}

fn found(id: ActiveflowId, activeflow: &ActiveflowEntry) -> ActiveflowSnapshot {
    ActiveflowSnapshot {
        id,
        record: activeflow.record.clone(),
        trigger: activeflow.trigger.clone(),
        inbox: activeflow.inbox.iter().cloned().collect(),
        outbox: activeflow.outbox.clone(),
        control: activeflow.control.clone(),
        journal: activeflow.journal.iter().cloned().collect(),
    }
}
