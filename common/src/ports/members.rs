//! Membership: the list of process instances with their roles, definitions and formats.

use super::error::StoreError;
use crate::member::{Member, MemberId};
use async_trait::async_trait;

#[async_trait]
pub trait Members: Send + Sync {
    /// Writes the heartbeat of `me`, removes `gone` from the member list, and returns the list.
    async fn heartbeat(&self, me: &Member, gone: &[MemberId]) -> Result<Vec<Member>, StoreError>;

    /// Removes `me` from the members. `me` holds no claim any more and repeats no call.
    async fn leave(&self, me: MemberId) -> Result<(), StoreError>;

    async fn members(&self) -> Result<Vec<Member>, StoreError>;
}
