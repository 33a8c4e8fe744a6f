//! Collects the records that an operation changed in the model, as changes for the disk.

use super::keys::Key;
use super::records;
use crate::embedded::disk::Change;
use crate::memory::Model;
use crate::memory::shard::ShardState;
use crate::memory::tracked::TrackedMap;

/// Returns the changes since the last call.
pub fn take(model: &mut Model) -> Vec<Change> {
    let mut changes = Vec::new();
    for shard in &mut model.shards {
        shard_changes(shard, &mut changes);
    }
    if std::mem::take(&mut model.published) {
        changes.push(put(&Key::Definitions, records::json(&model.definitions)));
    }
    map_changes(
        &mut model.bundles,
        |hash| Key::Bundle(hash.clone()),
        |bundle| records::bytes(&[bundle]),
        &mut changes,
    );
    map_changes(
        &mut model.route_transitions,
        |transition| Key::RouteTransition(transition.clone()),
        records::json,
        &mut changes,
    );
    map_changes(&mut model.members, |id| Key::Member(*id), records::json, &mut changes);
    changes
}

fn shard_changes(shard: &mut ShardState, changes: &mut Vec<Change>) {
    let at = shard.id;
    activeflow_changes(shard, changes);
    map_changes(
        &mut shard.dead,
        |id| Key::Dead(at, *id),
        |noted| records::bytes(&[&noted.as_micros().to_be_bytes()]),
        changes,
    );
    map_changes(
        shard.used.changes(),
        |key| Key::Used(at, *key),
        |used| records::bytes(&[&used.as_micros().to_be_bytes()]),
        changes,
    );
    map_changes(shard.sent.changes(), |pair| Key::Sent(at, *pair), records::sent, changes);
    map_changes(
        &mut shard.nonces,
        |id| Key::Nonce(at, *id),
        |(nonce, ids)| records::nonce(*nonce, ids),
        changes,
    );
    map_changes(
        &mut shard.attempts,
        |key| Key::Attempts(at, *key),
        |attempts| records::attempts(attempts.iter()),
        changes,
    );

    let (dropped, chunks) = shard.dedup.take_changes();
    changes.extend(
        dropped.into_iter().map(|generation| Change::DeleteRange(Key::generation_range(at, generation))),
    );
    changes.extend(
        chunks
            .map(|chunk| put(&Key::Marks(at, chunk.generation, chunk.number), records::marks(&chunk.marks))),
    );

    let (gone, came) = shard.feed.take_changes();
    changes.extend(gone.map(|number| delete(&Key::Feed(at, number))));
    changes.extend(came.map(|(number, entry)| put(&Key::Feed(at, number), records::feed(entry))));

    changes.extend(shard.take_head().map(|head| put(&Key::Head(at), records::head(&head))));
}

fn activeflow_changes(shard: &mut ShardState, changes: &mut Vec<Change>) {
    let at = shard.id;
    let (removed, changed) = shard.activeflows.take_changes();
    for (_, held) in removed {
        shard.activeflow_bytes -= held.bytes;
        changes.push(Change::DeleteRange(Key::activeflow_range(at, held.number)));
    }
    for id in changed {
        let Some(held) = shard.activeflows.get_mut_untracked(&id) else { continue };
        let record = records::activeflow(id, held);
        let bytes = records::activeflow_bytes(record.len(), held);
        shard.activeflow_bytes = shard.activeflow_bytes - held.bytes + bytes;
        let is_new = std::mem::replace(&mut held.bytes, bytes) == 0;
        changes.push(put(&Key::Activeflow(at, held.number), record));
        let number = held.number;
        if is_new {
            changes.push(put(&Key::Trigger(at, number), records::bytes(&[&held.trigger])));
        }
        let (gone, came) = held.journal.take_changes();
        changes.extend(gone.map(|entry| delete(&Key::Journal(at, number, entry))));
        changes.extend(
            came.map(|(entry, bytes)| put(&Key::Journal(at, number, entry), records::bytes(&[bytes]))),
        );
    }
}

/// Changes of a map with one record per entry.
fn map_changes<K: Ord + Clone, V>(
    map: &mut TrackedMap<K, V>,
    key: impl Fn(&K) -> Key,
    record: impl Fn(&V) -> Vec<u8>,
    changes: &mut Vec<Change>,
) {
    let (removed, changed) = map.take_changes();
    changes.extend(removed.iter().map(|(id, _)| delete(&key(id))));
    changes.extend(changed.iter().filter_map(|id| map.get(id).map(|value| put(&key(id), record(value)))));
}

fn put(key: &Key, value: Vec<u8>) -> Change {
    Change::Put { key: key.to_bytes(), value }
}

fn delete(key: &Key) -> Change {
    Change::Delete { key: key.to_bytes() }
}
