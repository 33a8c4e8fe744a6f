//! Reading the feeds of the shards: what is slice a offset, whether something is missing, and what to tell of it.

use super::offset::{FeedOffset, FeedOffsets};
use crate::problem::Problem;
use crate::resource::Activeflow;
use crate::state::Api;
use common::ports::lookup::{FeedEntry, FeedKind, Found};
use common::{ActiveflowId, Shard, StoreError, journal};
use flow::step::NoteKind;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many questions to the store are under way for one reader.
const AT_ONCE: usize = 16;

/// Something that happened to an activeflow, as it is told.
pub struct Change {
    pub shard: usize,
    pub offset: FeedOffset,
    /// `created`, `moved`, `waiting` or `ended`.
    pub name: &'static str,
    pub shown: Arc<Shown>,
}

/// An activeflow as it was when the change was told, which may be further than the change.
pub struct Shown {
    /// Without what only the resource needs.
    pub found: Found,
    /// The resource as JSON, one line.
    pub text: String,
}

/// What a reader gets.
pub enum FeedBatch {
    /// In the order of each feed.
    Changes(Vec<Change>),
    /// Something is missing: it was trimmed, or the activeflow is forgotten.
    Gap,
}

/// What lies slice `from`, and whether it is whole.
struct FeedSlice {
    entries: Vec<(FeedOffset, FeedEntry)>,
    /// As many entries as are kept at all: some may have been trimmed.
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
    Ok(FeedOffsets(stream::iter(shards).map(end).buffered(AT_ONCE).try_collect().await?))
}

/// Everything that came slice `from` in all shards, and where it ends.
///
/// # Errors
/// The store does not answer; asking again from the same offsets is right.
pub async fn news(api: &Api, from: &FeedOffsets) -> Result<(FeedBatch, FeedOffsets), Problem> {
    let reads = from.0.clone().into_iter().enumerate().map(|(shard, offset)| read(api, shard, offset));
    let slice: Vec<FeedSlice> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    if slice.iter().any(|slice| slice.is_cut) {
        return Ok((FeedBatch::Gap, ends(api).await?));
    }
    let last =
        |(slice, from): (&FeedSlice, &FeedOffset)| slice.entries.last().map_or(*from, |(offset, _)| *offset);
    let to = FeedOffsets(slice.iter().zip(&from.0).map(last).collect());
    let entries = slice.into_iter().enumerate().flat_map(|(shard, slice)| {
        slice.entries.into_iter().map(move |(offset, entry)| (shard, offset, entry))
    });
    Ok((tell(api, entries.collect()).await?, to))
}

/// What one shard has between two offsets: for who was away since `from` and hears everything slice `to` anyway.
///
/// # Errors
/// The store does not answer.
pub async fn missed(api: &Api, shard: usize, from: FeedOffset, to: FeedOffset) -> Result<FeedBatch, Problem> {
    if from == to {
        return Ok(FeedBatch::Changes(Vec::new()));
    }
    if from > to {
        // Another process told it before this one has read so far; or the feed began anew, which is a gap.
        let ahead = read(api, shard, to).await?;
        let is_there = ahead.entries.iter().any(|(offset, _)| *offset == from);
        return Ok(if is_there { FeedBatch::Changes(Vec::new()) } else { FeedBatch::Gap });
    }
    let slice = read(api, shard, from).await?;
    if slice.is_cut || !(from.is_before_all() || is_kept(api, shard, from).await?) {
        return Ok(FeedBatch::Gap);
    }
    let entries = slice.entries.into_iter().filter(|(offset, _)| *offset <= to);
    tell(api, entries.map(|(offset, entry)| (shard, offset, entry)).collect()).await
}

/// Whether the feed still reaches back to `offset`.
async fn is_kept(api: &Api, shard: usize, offset: FeedOffset) -> Result<bool, Problem> {
    let oldest = ask(api, shard, "", 1).await?;
    Ok(oldest.first().map(placed).transpose()?.is_some_and(|oldest| oldest <= offset))
}

async fn read(api: &Api, shard: usize, from: FeedOffset) -> Result<FeedSlice, Problem> {
    let most = api.config.feed_length;
    let entries = ask(api, shard, &from.text(), most).await?;
    let is_cut = entries.len() >= most as usize;
    let placed = entries.into_iter().map(|entry| Ok((placed(&entry)?, entry)));
    Ok(FeedSlice { entries: placed.collect::<Result<_, Problem>>()?, is_cut })
}

async fn ask(api: &Api, shard: usize, after: &str, max: u32) -> Result<Vec<FeedEntry>, Problem> {
    let shard = Shard(u16::try_from(shard).unwrap_or(u16::MAX));
    api.ask(|| api.ports.lookup.feed(shard, after, max)).await
}

fn placed(entry: &FeedEntry) -> Result<FeedOffset, Problem> {
    FeedOffset::read(&entry.position).ok_or_else(|| {
        let what =
            format!("`{}` is not a position: expected a number, or two with a dash between", entry.position);
        StoreError::Corrupt { operation: "read the feed", what }.into()
    })
}

async fn tell(api: &Api, entries: Vec<(usize, FeedOffset, FeedEntry)>) -> Result<FeedBatch, Problem> {
    let ids: BTreeSet<ActiveflowId> = entries.iter().map(|(_, _, entry)| entry.id).collect();
    let shown = stream::iter(ids).map(async |id| Ok::<_, Problem>((id, show(api, id).await?)));
    let shown: BTreeMap<ActiveflowId, Option<Arc<Shown>>> = shown.buffered(AT_ONCE).try_collect().await?;
    let change = |(shard, offset, entry): (usize, FeedOffset, FeedEntry)| {
        Some(Change { shard, offset, name: name(&entry), shown: shown.get(&entry.id)?.clone()? })
    };
    let changes: Option<Vec<Change>> = entries.into_iter().map(change).collect();
    Ok(changes.map_or(FeedBatch::Gap, FeedBatch::Changes))
}

async fn show(api: &Api, id: ActiveflowId) -> Result<Option<Arc<Shown>>, Problem> {
    let found = match api.ask(|| api.ports.lookup.get(id)).await {
        // One that cannot be read, of a newer format for example, must not hide the others.
        Err(problem) if problem.status == 500 => None,
        found => found?,
    };
    let Some(mut found) = found else { return Ok(None) };
    let bundle = api.bundle_of(&found).await?;
    let resource = Activeflow::of(&found, bundle.as_deref());
    let text = common::json::to_text(&resource);
    found.record.body = Vec::new();
    (found.inbox, found.outbox, found.journal) = (Vec::new(), Vec::new(), Vec::new());
    Ok(Some(Arc::new(Shown { found, text })))
}

/// A transition that leaves the activeflow waiting says so with the last of the notes on where it stands.
fn name(entry: &FeedEntry) -> &'static str {
    const POSITION: [NoteKind; 7] = [
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
            let journal: Option<journal::Entry> = serde_json::from_slice(&entry.journal).ok();
            let notes = journal.map(|journal| journal.notes).unwrap_or_default();
            let last = notes.iter().rev().find(|note| POSITION.contains(&note.what));
            if last.is_some_and(|note| note.what == NoteKind::Waiting) { "waiting" } else { "moved" }
        }
    }
}
