//! The intake port on Redis: `deliver` and the count of solo attempts.

use super::calls::Operation;
use super::keys;
use super::reply::{Reply, unexpected};
use super::store::Store;
use async_trait::async_trait;
use common::ports::Intake;
use common::ports::intake::{Deliver, Delivered, Destination, SingleUse};
use common::record::trigger_bytes;
use common::{EventKey, Shard, StoreError};

/// Retention of solo attempts, longer than a queue holds a message.
const ATTEMPTS_KEPT_S: i64 = 7 * 24 * 3_600;

#[async_trait]
impl Intake for Store {
    fn shards(&self) -> u16 {
        self.settings.shards
    }

    async fn deliver(&self, event: &Deliver) -> Result<Delivered, StoreError> {
        let writes = self.writes();
        let mut call = Operation::new("deliver");
        call.arg(event.generation)
            .arg(event.key.mark())
            .arg(event.key.bucket() % keys::DEDUP_BUCKETS)
            .arg(self.settings.dedup_rotation.as_micros() as u64)
            .arg(&event.kind)
            .arg(trigger_bytes(&event.input, writes))
            .arg(u8::from(event.always_fits));
        match &event.to {
            Destination::Activeflow { id, realm } => {
                call.arg("a")
                    .arg(id.as_bytes())
                    .arg(realm)
                    .arg(self.settings.feed_length)
                    .arg("")
                    .arg("")
                    .arg("");
            }
            Destination::Reference { key, owner, sides } => {
                call.arg("r").arg(key).arg("").arg(self.settings.feed_length);
                call.arg(owner.as_ref().map(|start| start.bytes_in(writes)).unwrap_or_default());
                match event.single_use {
                    Some(SingleUse { dated }) => call.arg(dated.unwrap_or_default().as_micros()),
                    None => call.arg(""),
                };
                call.arg(event.eager.map(|token| token.to_bytes().to_vec()).unwrap_or_default());
                for side in sides {
                    call.arg(side.bytes_in(writes));
                }
            }
        }
        delivered(self.list_of(event.shard, call).await?)
    }

    async fn count_attempt(&self, shard: Shard, key: EventKey, attempt: u64) -> Result<u32, StoreError> {
        let key = keys::attempts(shard, key);
        let mut counting = redis::pipe();
        counting.atomic().sadd(&key, attempt).ignore().expire(&key, ATTEMPTS_KEPT_S).ignore().scard(&key);
        let (count,): (u32,) = self
            .connections
            .run("count an attempt", async |connection| counting.query_async(connection).await)
            .await?;
        Ok(count)
    }
}

fn delivered(mut reply: Reply) -> Result<Delivered, StoreError> {
    Ok(match reply.text()?.as_str() {
        "applied" => {
            let to = match reply.bytes()?.as_slice() {
                [] => None,
                bytes => Some(<[u8; 16]>::try_from(bytes).map_err(|_| unexpected("deliver", "an id"))?),
            };
            let (backlog, claimed) = (reply.number()?, reply.time_or_none()?);
            let started = (0..reply.rest()).map(|_| reply.id()).collect::<Result<_, _>>()?;
            Delivered::Applied { to: to.map(common::ActiveflowId::from_bytes), started, backlog, claimed }
        }
        "duplicate" => Delivered::Duplicate,
        "copy" => Delivered::Copy,
        "unmatched" => Delivered::Unmatched,
        "late" => Delivered::Late,
        "full" => Delivered::InboxFull { owner: reply.id()? },
        "stale" => Delivered::StaleDefinitions { generation: reply.number()? },
        other => return Err(unexpected("deliver", &format!("an outcome, got `{other}`"))),
    })
}
