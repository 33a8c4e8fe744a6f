//! Changes of records, collected for one transaction.

use super::checksum::checksum;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::BTreeMap;
use std::ops::Range;

/// One change of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Put {
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        key: Vec<u8>,
    },
    /// Deletes every key in the range; the end is exclusive.
    DeleteRange(Range<Vec<u8>>),
}

/// Changes that one transaction writes, with at most one value per key.
#[derive(Default)]
pub(super) struct Batch {
    ranges: Vec<Range<Vec<u8>>>,
    /// `None` deletes the key. Records are applied after the ranges.
    records: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    pub fn add(&mut self, change: Change) {
        match change {
            Change::Put { key, value } => {
                self.records.insert(key, Some(value));
            }
            Change::Delete { key } => {
                self.records.insert(key, None);
            }
            Change::DeleteRange(range) => {
                self.records.extract_if(range.clone(), |_, _| true).for_each(drop);
                self.ranges.push(range);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.records.is_empty()
    }

    pub fn commit(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut range = transaction.prepare_cached("DELETE FROM state WHERE key >= ?1 AND key < ?2")?;
            for keys in &self.ranges {
                range.execute(params![keys.start, keys.end])?;
            }
            let mut put = transaction
                .prepare_cached("INSERT OR REPLACE INTO state (key, value, sum) VALUES (?1, ?2, ?3)")?;
            let mut delete = transaction.prepare_cached("DELETE FROM state WHERE key = ?1")?;
            for (key, value) in &self.records {
                match value {
                    Some(value) => put.execute(params![key, value, checksum(key, value)])?,
                    None => delete.execute(params![key])?,
                };
            }
        }
        transaction.commit()
    }
}
