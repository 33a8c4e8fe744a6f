//! The feed as an archive reads it.

use super::super::promise::Promise;
use super::super::store::short;
use super::Audit;
use common::ActiveflowId;
use common::journal;
use common::ports::lookup::{FeedEntry, FeedKind};
use common::record::State;
use std::collections::BTreeMap;

/// The last version in the feed of each activeflow; `None` after its end.
#[derive(Default)]
pub struct Feed(BTreeMap<ActiveflowId, Option<u64>>);

impl Audit {
    /// Checks the next entry of a shard's feed.
    pub fn archived(&mut self, entry: &FeedEntry) {
        let known = self.feed.0.get(&entry.id).copied();
        let version = journal::Entry::from_bytes(&entry.journal).map(|entry| entry.version);
        let (right, next) = match (entry.kind, known) {
            (FeedKind::Created, None) => (true, Some(0)),
            (FeedKind::Moved, Some(Some(last))) => {
                (version.is_some_and(|v| v > last), version.or(Some(last)))
            }
            (FeedKind::Quarantined, Some(Some(last))) => (true, Some(last)),
            (FeedKind::Ended, Some(Some(_))) => (true, None),
            (_, known) => (false, known.flatten()),
        };
        self.feed.0.insert(entry.id, next);
        self.promises.check(Promise::Feed, right, || {
            format!("{} `{}` at version {version:?} after {known:?}", short(entry.id), entry.kind.name())
        });
    }

    /// Ended activeflows whose end is not in the feed.
    pub fn ends_missing_in_feed(&self) -> Vec<String> {
        let ended = self.last.values().filter(|found| found.record.state == State::Ended);
        let missing = ended.filter(|found| self.feed.0.get(&found.id) != Some(&None));
        missing.map(|found| short(found.id)).collect()
    }
}
