//! The bus port over the queues in this process.

use super::consume::Session;
use super::event::Event;
use super::names::{EVENTS, REJECTED, UNROUTED_DROPPED};
use super::shared::{Inner, nacked};
use async_trait::async_trait;
use common::command::Message;
use common::ports::bus::{Bus as Port, Confirm, Deliveries, Rejection};
use metrics::counter;
use std::sync::Arc;
use std::time::Instant;

/// The bus without a broker. Clones share its state.
#[derive(Clone)]
pub struct Bus {
    pub(super) inner: Arc<Inner>,
}

impl Bus {
    /// Publishes an event, like an event source over AMQP.
    pub fn offer(&self, event: Event) -> Confirm {
        let (event, record) = event.with_record();
        self.inner.store(EVENTS, |state, changes| {
            let has_room = state.events.waiting().has_room(record.len());
            if has_room {
                state.events.push(event, record, changes);
            }
            has_room
        })
    }

    fn publish_command(&self, message: Message) -> Confirm {
        let Message { correlation_id, routing_key, .. } = &message;
        let disk = self.inner.check_disk(routing_key);
        let (published, written) = self.inner.change(|state, changes| {
            let published = match disk {
                Ok(()) => {
                    state.queues.publish(&message, Instant::now(), changes).map_err(|queue| nacked(&queue))
                }
                Err(error) => Err(error),
            };
            if published.is_err() {
                state.queues.refuse(correlation_id);
            }
            published
        });
        match published {
            Ok(dropped) => {
                if dropped > 0 {
                    counter!(UNROUTED_DROPPED).increment(dropped);
                }
                self.inner.confirm(routing_key, written, Ok(()))
            }
            Err(refusal) => {
                let guard = RefusalGuard { inner: self.inner.clone(), activeflow: correlation_id.clone() };
                let refused = self.inner.confirm(routing_key, written, Err(refusal));
                Box::pin(async move {
                    let outcome = refused.await;
                    drop(guard);
                    outcome
                })
            }
        }
    }
}

#[async_trait]
impl Port for Bus {
    /// There is one consumer at a time: the next waits until the current session is dropped.
    async fn consume(&self) -> Box<dyn Deliveries> {
        Box::new(Session::begin(self.inner.clone()).await)
    }

    /// A refused command refuses those behind it until its confirm is received or dropped: see [`RefusalGuard`].
    fn publish_all(&self, commands: Vec<Message>) -> Vec<Confirm> {
        commands.into_iter().map(|command| self.publish_command(command)).collect()
    }

    /// Notices have no subscribers here: they are confirmed and dropped, as by an exchange without bindings.
    fn announce(&self, message: Message) -> Confirm {
        tracing::debug!(
            id = message.id,
            kind = message.routing_key,
            "dropped a notice: the embedded bus has no subscribers for notices"
        );
        Box::pin(std::future::ready(Ok(())))
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.inner.store(REJECTED, |state, changes| state.rejections.store(rejection, changes))
    }

    fn is_up(&self) -> bool {
        self.inner.disk.write_error().is_none()
    }
}

/// Ends a refusal when the publisher has received the result or has dropped the confirm.
struct RefusalGuard {
    inner: Arc<Inner>,
    activeflow: String,
}

impl Drop for RefusalGuard {
    fn drop(&mut self) {
        self.inner.state().queues.end_refusal(&self.activeflow);
    }
}
