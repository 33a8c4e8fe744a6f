//! Reads the feeds of the shards: the changes after an offset, and whether some are missing.

use super::offset::{FeedOffset, FeedOffsets};
use crate::api::Api;
use crate::problem::Problem;
use crate::resource::Activeflow;
use common::ports::lookup::{ActiveflowSnapshot, FeedEntry, FeedKind};
use common::{ActiveflowId, Shard, StoreError, journal};
use flow::step::NoteKind;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Maximum concurrent store requests of one reader.
const CONCURRENCY: usize = 16;

/// A change of an activeflow.
pub struct Change {
    pub shard: usize,
    pub offset: FeedOffset,
    /// `created`, `moved`, `waiting` or `ended`.
    pub name: &'static str,
    pub snapshot: Arc<Snapshot>,
}

/// The activeflow when the feed was read. It may already include later changes.
pub struct Snapshot {
    /// The store's entry, without the body, trigger, inbox, outbox and journal.
    pub found: ActiveflowSnapshot,
    /// The resource as JSON, one line.
    pub text: String,
}

/// The result of reading feeds.
pub enum FeedBatch {
    /// In the order of each feed.
    Changes(Vec<Change>),
    /// Some changes are missing: the feed was trimmed, or the activeflow was deleted.
    Gap,
}

/// The entries of one feed after an offset.
struct FeedSlice {
    entries: Vec<(FeedOffset, FeedEntry)>,
    /// Whether the feed was full, so that older entries may have been trimmed.
    is_cut: bool,
}

/// The end of every feed.
///
/// # Errors
/// The store does not answer.
pub async fn ends(api: &Api) -> Result<FeedOffsets, Problem> {
    let end = async |shard: usize| {
        let mut end = FeedOffset::default();
        loop {
            let slice = read(api, shard, end).await?;
            end = slice.entries.last().map_or(end, |(offset, _)| *offset);
            if !slice.is_cut {
                return Ok::<_, Problem>(end);
            }
        }
    };
    let shards = 0..usize::from(api.ports.intake.shards());
    Ok(FeedOffsets(stream::iter(shards).map(end).buffered(CONCURRENCY).try_collect().await?))
}

/// Reads all shards after `from`; returns the changes and the new offsets.
///
/// # Errors
/// The store does not answer; retry with the same offsets.
pub async fn read_after(api: &Api, from: &FeedOffsets) -> Result<(FeedBatch, FeedOffsets), Problem> {
    let reads = from.0.clone().into_iter().enumerate().map(|(shard, offset)| read(api, shard, offset));
    let slices: Vec<FeedSlice> = stream::iter(reads).buffered(CONCURRENCY).try_collect().await?;
    if slices.iter().any(|slice| slice.is_cut) {
        return Ok((FeedBatch::Gap, ends(api).await?));
    }
    let last =
        |(slice, from): (&FeedSlice, &FeedOffset)| slice.entries.last().map_or(*from, |(offset, _)| *offset);
    let to = FeedOffsets(slices.iter().zip(&from.0).map(last).collect());
    let entries = slices.into_iter().enumerate().flat_map(|(shard, slice)| {
        slice.entries.into_iter().map(move |(offset, entry)| (shard, offset, entry))
    });
    Ok((resolve(api, entries.collect()).await?, to))
}

/// Reads one shard between two offsets, for a client that reconnects at `from` and receives live changes after `to`.
///
/// # Errors
/// The store does not answer.
pub async fn missed(api: &Api, shard: usize, from: FeedOffset, to: FeedOffset) -> Result<FeedBatch, Problem> {
    if from == to {
        return Ok(FeedBatch::Changes(Vec::new()));
    }
    if from > to {
        // Either another process is ahead of this one, or the feed was reset, which is a gap.
        let ahead = read(api, shard, to).await?;
        let is_there = ahead.entries.iter().any(|(offset, _)| *offset == from);
        return Ok(if is_there { FeedBatch::Changes(Vec::new()) } else { FeedBatch::Gap });
    }
    let slice = read(api, shard, from).await?;
    if slice.is_cut || !(from.is_before_all() || is_kept(api, shard, from).await?) {
        return Ok(FeedBatch::Gap);
    }
    let entries = slice.entries.into_iter().filter(|(offset, _)| *offset <= to);
    resolve(api, entries.map(|(offset, entry)| (shard, offset, entry)).collect()).await
}

/// Whether the feed still reaches back to `offset`.
async fn is_kept(api: &Api, shard: usize, offset: FeedOffset) -> Result<bool, Problem> {
    let oldest = ask(api, shard, "", 1).await?;
    Ok(oldest.first().map(offset_of).transpose()?.is_some_and(|oldest| oldest <= offset))
}

async fn read(api: &Api, shard: usize, from: FeedOffset) -> Result<FeedSlice, Problem> {
    let most = api.config.feed_length;
    let entries = ask(api, shard, &from.text(), most).await?;
    let is_cut = entries.len() >= most as usize;
    let with_offsets = entries.into_iter().map(|entry| Ok((offset_of(&entry)?, entry)));
    Ok(FeedSlice { entries: with_offsets.collect::<Result<_, Problem>>()?, is_cut })
}

async fn ask(api: &Api, shard: usize, after: &str, max: u32) -> Result<Vec<FeedEntry>, Problem> {
    let shard = Shard(u16::try_from(shard).unwrap_or(u16::MAX));
    api.ask(|| api.ports.lookup.feed(shard, after, max)).await
}

fn offset_of(entry: &FeedEntry) -> Result<FeedOffset, Problem> {
    FeedOffset::read(&entry.position).ok_or_else(|| {
        let what = format!(
            "`{}` is not a position: expected a number, or two numbers separated by a dash",
            entry.position
        );
        StoreError::Corrupt { operation: "read the feed", what }.into()
    })
}

async fn resolve(api: &Api, entries: Vec<(usize, FeedOffset, FeedEntry)>) -> Result<FeedBatch, Problem> {
    let ids: BTreeSet<ActiveflowId> = entries.iter().map(|(_, _, entry)| entry.id).collect();
    let snapshots = stream::iter(ids).map(async |id| Ok::<_, Problem>((id, snapshot(api, id).await?)));
    let snapshots: BTreeMap<ActiveflowId, Option<Arc<Snapshot>>> =
        snapshots.buffered(CONCURRENCY).try_collect().await?;
    let change = |(shard, offset, entry): (usize, FeedOffset, FeedEntry)| {
        Some(Change { shard, offset, name: name(&entry), snapshot: snapshots.get(&entry.id)?.clone()? })
    };
    let changes: Option<Vec<Change>> = entries.into_iter().map(change).collect();
    Ok(changes.map_or(FeedBatch::Gap, FeedBatch::Changes))
}

async fn snapshot(api: &Api, id: ActiveflowId) -> Result<Option<Arc<Snapshot>>, Problem> {
    let found = match api.ask(|| api.ports.lookup.get(id)).await {
        // An unreadable activeflow, for example of a newer format, must not hide the others.
        Err(problem) if problem.status == 500 => None,
        found => found?,
    };
    let Some(mut found) = found else { return Ok(None) };
    let bundle = api.bundle_of(&found).await?;
    let resource = Activeflow::of(&found, bundle.as_deref());
    let text = common::json::to_text(&resource);
    (found.record.body, found.trigger) = (Vec::new(), Vec::new());
    (found.inbox, found.outbox, found.journal) = (Vec::new(), Vec::new(), Vec::new());
    Ok(Some(Arc::new(Snapshot { found, text })))
}

/// The event's name. It is `waiting` if `waiting` is the last of the journal notes about progress.
fn name(entry: &FeedEntry) -> &'static str {
    const PROGRESS: [NoteKind; 7] = [
        NoteKind::Entered,
        NoteKind::Waiting,
        NoteKind::Completed,
        NoteKind::Failed,
        NoteKind::Forwarded,
        NoteKind::Yielded,
        NoteKind::Ended,
    ];
    match entry.kind {
        FeedKind::Created => "created",
        FeedKind::Ended => "ended",
        FeedKind::Moved | FeedKind::Quarantined => {
            let notes =
                journal::Entry::from_bytes(&entry.journal).map(|journal| journal.notes).unwrap_or_default();
            let last = notes.iter().rev().find(|note| PROGRESS.contains(&note.what));
            if last.is_some_and(|note| note.what == NoteKind::Waiting) { "waiting" } else { "moved" }
        }
    }
}
