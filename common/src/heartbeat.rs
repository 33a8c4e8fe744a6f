//! Sends the heartbeats of one member: a process instance in one role.

use crate::member::{Consuming, Member, MemberId, Role};
use crate::ports::Members;
use crate::record::formats;

/// Sends heartbeats, and logs once when the store stops answering and once when it answers again.
pub struct Heartbeat {
    me: Member,
    unanswered: bool,
}

impl Heartbeat {
    pub fn new(id: MemberId, role: Role, instance: &str) -> Heartbeat {
        let (instance, formats) = (instance.to_owned(), formats());
        let me = Member { id, role, instance, heartbeats: 0, generation: 0, formats, consuming: None };
        Heartbeat { me, unanswered: false }
    }

    pub fn id(&self) -> MemberId {
        self.me.id
    }

    /// Reports the consumer of the event queue from the next heartbeat on.
    pub fn set_consuming(&mut self, consuming: Consuming) {
        self.me.consuming = Some(consuming);
    }

    /// Sends one heartbeat with the loaded `generation` and removes `gone` from the members. Returns the member list, or
    /// `None` when the store did not answer.
    pub async fn heartbeat(
        &mut self,
        members: &dyn Members,
        generation: u64,
        gone: &[MemberId],
    ) -> Option<Vec<Member>> {
        self.me.heartbeats += 1;
        self.me.generation = generation;
        let Member { id, role, .. } = &self.me;
        match members.heartbeat(&self.me, gone).await {
            Ok(members) => {
                if std::mem::take(&mut self.unanswered) {
                    tracing::info!(member_id = %id, %role, "The state store answers again");
                }
                Some(members)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unanswered, true) {
                    tracing::warn!(member_id = %id, %role, %error, "The state store does not answer heartbeats; retrying");
                }
                None
            }
        }
    }
}
