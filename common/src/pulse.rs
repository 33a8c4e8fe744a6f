//! The beats of one life of one process in one role.

use crate::member::{Member, MemberId, Role};
use crate::ports::Members;
use crate::record::{FORMAT, OLDEST_FORMAT};

/// Beats, and says once when the store stops answering and once when it answers again.
pub struct Pulse {
    me: Member,
    unanswered: bool,
}

impl Pulse {
    pub fn new(id: MemberId, role: Role, place: &str) -> Pulse {
        let formats = (OLDEST_FORMAT, FORMAT);
        let me = Member { id, role, place: place.to_owned(), beat: 0, generation: 0, formats };
        Pulse { me, unanswered: false }
    }

    pub fn id(&self) -> MemberId {
        self.me.id
    }

    /// Beats once with `generation` loaded and strikes `gone`; the roll, or `None` when the store did not answer.
    pub async fn beat(
        &mut self,
        members: &dyn Members,
        generation: u64,
        gone: &[MemberId],
    ) -> Option<Vec<Member>> {
        self.me.beat += 1;
        self.me.generation = generation;
        let Member { id, role, .. } = &self.me;
        match members.beat(&self.me, gone).await {
            Ok(roll) => {
                if std::mem::take(&mut self.unanswered) {
                    tracing::info!(member_id = %id, %role, "The state store answers again");
                }
                Some(roll)
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unanswered, true) {
                    tracing::warn!(member_id = %id, %role, %error, "The state store does not take beats; trying on");
                }
                None
            }
        }
    }
}
