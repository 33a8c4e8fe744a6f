//! Membership: who is alive, in which role, with which definitions and formats.

use super::error::StoreError;
use crate::member::{Member, MemberId};
use async_trait::async_trait;

#[async_trait]
pub trait Members: Send + Sync {
    /// Says that `me` lives, removes `gone` from the members, and answers with all members.
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError>;

    /// Leaves the member list: nothing is held any more, and no claim is asked for again.
    async fn leave(&self, me: MemberId) -> Result<(), StoreError>;

    async fn members(&self) -> Result<Vec<Member>, StoreError>;
}
