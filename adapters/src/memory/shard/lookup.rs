//! Looking at activeflows and at the feed.

use super::activeflow::ActiveflowEntry;
use super::state::ShardState;
use common::ActiveflowId;
use common::ports::lookup::{FeedEntry, Found, ListQuery};

impl ShardState {
    pub fn get(&self, id: ActiveflowId) -> Option<Found> {
        self.held.get(&id).map(|held| found(id, held))
    }

    pub fn list(&self, query: &ListQuery) -> Vec<Found> {
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

fn found(id: ActiveflowId, held: &ActiveflowEntry) -> Found {
    Found {
        id,
        record: held.record.clone(),
        inbox: held.inbox.iter().cloned().collect(),
        outbox: held.outbox.clone(),
        control: held.control.clone(),
        journal: held.journal.iter().cloned().collect(),
    }
}
