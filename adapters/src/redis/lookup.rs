//! The lookup port on Redis: reads of activeflows and of the feed, and `control`.

use super::calls::Operation;
use super::keys;
use super::reply::{Reply, bad};
use super::store::Store;
use async_trait::async_trait;
use common::ports::Lookup;
use common::ports::lookup::{ActiveflowSnapshot, ControlRequest, Controlled, FeedEntry, FeedKind, ListQuery};
use common::ports::work::Control;
use common::record::{BadRecord, Entry, Record, formats};
use common::{ActiveflowId, Shard, StoreError};
use flow::Timestamp;
use redis::Value;
use redis::streams::{StreamId, StreamRangeReply};

#[async_trait]
impl Lookup for Store {
    async fn get(&self, id: ActiveflowId) -> Result<Option<ActiveflowSnapshot>, StoreError> {
        let of = |kind| keys::of_activeflow(self.shard_of(id), kind, id);
        let mut pipe = redis::pipe();
        pipe.atomic().get(of("a")).get(of("e")).get(of("k"));
        for list in ["i", "o", "j"] {
            pipe.lrange(of(list), 0, -1);
        }
        let found: Value = self
            .connections
            .run("get an activeflow", async |connection| pipe.query_async(connection).await)
            .await?;
        let mut reply = Reply::new("get an activeflow", found)?;
        let record = reply.bytes()?;
        if record.is_empty() {
            return Ok(None);
        }
        let record = Record::from_bytes(&record).map_err(|e| bad("get an activeflow", &e))?;
        let trigger = reply.trigger()?;
        let control = reply.control()?;
        let mut inbox = reply.entries()?;
        if record.version == 0 && record.inbox_bytes > 0 {
            // The list lacks it until the first commit (lua/record.lua).
            inbox.insert(0, Entry::Trigger);
        }
        Ok(Some(ActiveflowSnapshot {
            id,
            record,
            trigger,
            inbox,
            outbox: reply.list()?,
            control,
            journal: reply.list()?,
        }))
    }

    async fn list(&self, query: &ListQuery) -> Result<Vec<ActiveflowSnapshot>, StoreError> {
        let mut newest: Vec<(Timestamp, ActiveflowId)> = Vec::new();
        for shard in 0..self.settings.shards {
            newest.extend(self.newest(Shard(shard), query).await?);
        }
        newest.sort_by(|a, b| b.cmp(a));
        newest.truncate(query.limit as usize);
        let mut found = Vec::with_capacity(newest.len());
        for (_, id) in newest {
            // An activeflow that was removed since the index was read is skipped.
            found.extend(self.get(id).await?);
        }
        Ok(found)
    }

    async fn control(&self, id: ActiveflowId, control: &Control) -> Result<Controlled, StoreError> {
        self.control_call(self.shard_of(id), self.control_of(id, control)).await
    }

    async fn control_once(
        &self,
        id: ActiveflowId,
        control: &Control,
        request: &ControlRequest,
    ) -> Result<Controlled, StoreError> {
        let mut call = self.control_of(id, control);
        for key in [request.id, request.content] {
            call.arg(key.mark()).arg(key.bucket() % keys::DEDUP_BUCKETS);
        }
        call.arg(u8::from(request.is_void));
        self.control_call(self.shard_of(id), call).await
    }

    async fn feed(&self, shard: Shard, after: &str, max: u32) -> Result<Vec<FeedEntry>, StoreError> {
        let start = if after.is_empty() { "-".to_string() } else { format!("({after}") };
        let mut command = redis::cmd("XRANGE");
        command.arg(keys::feed(shard)).arg(start).arg("+").arg("COUNT").arg(max);
        let range: StreamRangeReply = self
            .connections
            .run("read the feed", async |connection| command.query_async(connection).await)
            .await?;
        range.ids.iter().map(feed_entry).collect()
    }

    async fn trim(&self, shard: Shard, through: &str) -> Result<(), StoreError> {
        // MINID keeps the entry `through` itself.
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("XTRIM").arg(keys::feed(shard)).arg("MINID").arg(through).ignore();
        pipe.cmd("XDEL").arg(keys::feed(shard)).arg(through).ignore();
        self.connections.run("trim the feed", async |connection| pipe.query_async(connection).await).await
    }
}

impl Store {
    fn control_of(&self, id: ActiveflowId, control: &Control) -> Operation {
        let mut call = Operation::new("control");
        call.arg(id.as_bytes()).arg(control.to_bytes()).arg(self.settings.feed_length);
        call
    }

    async fn control_call(&self, shard: Shard, call: Operation) -> Result<Controlled, StoreError> {
        let answer = self.call(shard, call).await?;
        let text = Reply::new("control", Value::Array(vec![answer]))?.text()?;
        Ok(match text.as_str() {
            "accepted" => Controlled::Accepted,
            "ended" => Controlled::Ended,
            "repeated" => Controlled::Repeated,
            "reused" => Controlled::IdReused,
            "void" => Controlled::Void,
            _ => Controlled::Unknown,
        })
    }

    /// Reads a shard's page in descending (creation time, id) order, from the query's position.
    async fn newest(
        &self,
        shard: Shard,
        query: &ListQuery,
    ) -> Result<Vec<(Timestamp, ActiveflowId)>, StoreError> {
        let max = query.before.map_or("+inf".to_string(), |before| before.0.as_micros().to_string());
        let mut newest = Vec::new();
        let mut offset = 0usize;
        let page = query.limit as usize + 1;
        while newest.len() < query.limit as usize {
            let mut command = redis::cmd("ZREVRANGEBYSCORE");
            command.arg(keys::customer_index(shard, &query.customer_id)).arg(&max).arg("-inf");
            command.arg("WITHSCORES").arg("LIMIT").arg(offset).arg(page);
            let found: Vec<(Vec<u8>, f64)> = self
                .connections
                .run("list activeflows", async |connection| command.query_async(connection).await)
                .await?;
            let keys = found.iter().filter_map(|(id, score)| {
                let id = <[u8; 16]>::try_from(id.as_slice()).ok().map(ActiveflowId::from_bytes)?;
                Some((Timestamp::from_micros(*score as i64), id))
            });
            newest.extend(keys.filter(|key| query.before.is_none_or(|before| *key < before)));
            if found.len() < page {
                break;
            }
            offset += found.len();
        }
        newest.truncate(query.limit as usize);
        Ok(newest)
    }
}

fn feed_entry(entry: &StreamId) -> Result<FeedEntry, StoreError> {
    let field = |name: &str| entry.get::<Vec<u8>>(name).unwrap_or_default();
    let damaged =
        || StoreError::Corrupt { operation: "read the feed", what: format!("entry {} is damaged", entry.id) };
    let change = field("c");
    let (&format, change) = change.split_first().ok_or_else(damaged)?;
    if format > formats().1 {
        return Err(bad("read the feed", &BadRecord::TooNew { found: format }));
    }
    let (&kind, change) = change.split_first().ok_or_else(damaged)?;
    let (id, at) = change.split_first_chunk::<16>().ok_or_else(damaged)?;
    Ok(FeedEntry {
        position: entry.id.clone(),
        id: ActiveflowId::from_bytes(*id),
        kind: FeedKind::from_initial(kind).ok_or_else(damaged)?,
        at: Timestamp::from_micros(i64::from_be_bytes(at.try_into().map_err(|_| damaged())?)),
        journal: field("j"),
    })
}
