//! The member list on Redis: one hash with one field per member.

use super::keys;
use super::store::Store;
use async_trait::async_trait;
use common::member::{Member, MemberId};
use common::ports::Members;
use common::{Shard, StoreError, json};

#[async_trait]
impl Members for Store {
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.atomic();
        for id in gone {
            pipe.hdel(keys::MEMBERS, id.as_bytes()).ignore();
        }
        pipe.hset(keys::MEMBERS, me.id.as_bytes(), json::to_bytes(me)).ignore().hvals(keys::MEMBERS);
        let (stored,): (Vec<Vec<u8>>,) =
            self.connections.run("heartbeat", async |connection| pipe.query_async(connection).await).await?;
        let members = members(&stored);
        self.learn_formats(&members);
        Ok(members)
    }

    async fn leave(&self, me: MemberId) -> Result<(), StoreError> {
        let mut command = redis::cmd("HDEL");
        command.arg(keys::MEMBERS).arg(me.as_bytes());
        let _: i64 =
            self.connections.run("leave", async |connection| command.query_async(connection).await).await?;
        for shard in (0..self.settings.shards).map(Shard) {
            let mut command = redis::cmd("HDEL");
            command.arg(keys::nonces(shard)).arg(me.as_bytes());
            let _: i64 = self
                .connections
                .run("leave", async |connection| command.query_async(connection).await)
                .await?;
        }
        Ok(())
    }

    async fn members(&self) -> Result<Vec<Member>, StoreError> {
        let mut command = redis::cmd("HVALS");
        command.arg(keys::MEMBERS);
        let stored: Vec<Vec<u8>> = self
            .connections
            .run("read the members", async |connection| command.query_async(connection).await)
            .await?;
        Ok(members(&stored))
    }
}

/// Decodes members, in the order of their ids. Members that a newer version wrote and this one cannot read are left out.
fn members(stored: &[Vec<u8>]) -> Vec<Member> {
    let mut members: Vec<Member> =
        stored.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect();
    members.sort_by_key(|member| member.id);
    members
}
