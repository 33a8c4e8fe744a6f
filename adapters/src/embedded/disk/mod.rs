//! Group commit into one SQLite table. Changes that arrive while a transaction runs join the next transaction: there are
//! no timers and no fixed batch size.
//!
//! ```text
//! write(changes) ──► batch n+1 (one value per key) ──► writer thread: BEGIN, deletes, upserts, COMMIT (fsync) ──► durable = n+1
//! ```
//! A record is a row: key, value, and a checksum of both, which is checked when the folder is opened.
//!
//! Batches are committed in the order of the calls. After a crash, a prefix of the batches is on disk, each whole or
//! not at all.

mod batch;
mod checksum;
mod error;
pub(in crate::embedded) mod folder;
mod writer;

pub use batch::Change;
pub(in crate::embedded) use checksum::verify;
pub use error::{DamagedRecord, DiskError, OpenError, Unreadable};
pub(in crate::embedded) use error::{database, io_reason};
pub use writer::{Disk, PendingWrite};

#[cfg(test)]
mod tests;
