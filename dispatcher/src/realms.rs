//! The realm of an event, by the user that published it.

use common::address::DEFAULT_REALM;
use common::refusal::{Refusal, RefusalReason};
use std::collections::BTreeMap;

/// Realms of the publishers.
#[derive(Clone, Debug, Default)]
pub struct Realms {
    /// Realm of each broker user. If it is empty, every event belongs to [`DEFAULT_REALM`]; otherwise the events of other
    /// users are refused.
    pub users: BTreeMap<String, String>,
    /// Whether an event without a user belongs to [`DEFAULT_REALM`] although there are realms.
    pub accepts_missing_user: bool,
}

impl Realms {
    /// # Errors
    /// There are realms, and the publisher has none.
    pub fn of(&self, user: Option<&str>) -> Result<&str, Refusal> {
        let refused = |message: String| Err(Refusal::new(RefusalReason::UnknownUser, message));
        match user {
            _ if self.users.is_empty() => Ok(DEFAULT_REALM),
            Some(user) => match self.users.get(user) {
                Some(realm) => Ok(realm),
                None => refused(format!(
                    "the publisher `{user}` has no realm: add it to [amqp.realms], with the realm \"{DEFAULT_REALM}\" if you trust it, restart the dispatchers, and replay the event"
                )),
            },
            None if self.accepts_missing_user => Ok(DEFAULT_REALM),
            None => refused(
                "the message has no user_id, and [amqp.realms] is set: let the publisher set user_id to its RabbitMQ user, or set amqp.accept_missing_user_id if you trust every publisher, restart the dispatchers, and replay the event".into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realms(accepts_missing_user: bool) -> Realms {
        let users = [("acme-sbc", "acme"), ("guest", DEFAULT_REALM)];
        Realms {
            users: users.map(|(user, realm)| (user.to_owned(), realm.to_owned())).into(),
            accepts_missing_user,
        }
    }

    #[test]
    fn without_realms_all_publishers_share_the_default() {
        let realms = Realms::default();
        assert_eq!(realms.of(None), Ok(DEFAULT_REALM));
        assert_eq!(realms.of(Some("anybody")), Ok(DEFAULT_REALM));
    }

    #[test]
    fn a_listed_user_has_its_realm() {
        assert_eq!(realms(false).of(Some("acme-sbc")), Ok("acme"));
        assert_eq!(realms(false).of(Some("guest")), Ok(DEFAULT_REALM));
    }

    #[test]
    fn others_are_refused_and_the_message_says_what_to_do() {
        for (accepts, user, advice) in [
            (false, Some("other"), "[amqp.realms]"),
            (true, Some("other"), "[amqp.realms]"),
            (false, Some(""), "[amqp.realms]"),
            (false, None, "amqp.accept_missing_user_id"),
        ] {
            let refusal = realms(accepts).of(user).unwrap_err();
            assert_eq!(refusal.reason.name(), "unknown_user");
            assert!(refusal.message.contains(advice), "{}", refusal.message);
        }
        assert_eq!(realms(true).of(None), Ok(DEFAULT_REALM));
    }
}
