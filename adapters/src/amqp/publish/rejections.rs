//! The task that publishes rejected events, over a connection that it opens when it needs it.
//!
//! A broker also confirms a message that reached no queue. Rejected events are therefore published as `mandatory`: the
//! broker returns what reached no queue, before it confirms it. lapin hands a returned message to the confirm that resolves
//! next, which may be another one of the same batch. So a batch is settled as a whole, after all of its confirms have
//! resolved: if one of them has a returned message, every message of the batch is `Unconfirmed`, and the queue is declared
//! again. Their owners repeat them.

use super::pending::{Batch, Entry, Pending};
use crate::amqp::connection;
use crate::amqp::settings::Settings;
use crate::amqp::topology::{self, REJECTED};
use crate::amqp::wire::Publication;
use common::ports::error::BusError;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

/// Maximum messages that are published and then settled together.
const MAX_BATCH: usize = 64;

pub(super) struct Task {
    settings: Arc<Settings>,
    closing: CancellationToken,
    inbox: mpsc::UnboundedReceiver<Batch>,
    session: Option<Session>,
    /// Whether the last attempt to declare the queue again failed, so that the log says it once.
    is_missing: bool,
}

struct Session {
    connection: Connection,
    channel: Channel,
}

impl Task {
    pub fn new(
        settings: Arc<Settings>,
        closing: CancellationToken,
        inbox: mpsc::UnboundedReceiver<Batch>,
    ) -> Task {
        Task { settings, closing, inbox, session: None, is_missing: false }
    }

    /// Publishes until the bus closes, then what was accepted before.
    pub async fn run(mut self) {
        let mut arrived: Vec<Batch> = Vec::new();
        let mut accepting = true;
        loop {
            let taken = tokio::select! {
                biased;
                () = self.closing.cancelled(), if accepting => {
                    accepting = false;
                    self.inbox.close();
                    continue;
                }
                taken = self.inbox.recv_many(&mut arrived, MAX_BATCH) => taken,
            };
            if taken == 0 {
                break;
            }
            self.publish(arrived.drain(..).flatten().collect()).await;
        }
        if let Some(session) = self.session.take() {
            connection::close(session.connection).await;
        }
    }

    async fn publish(&mut self, entries: Vec<Entry>) {
        let Some(deadline) = entries.iter().map(|entry| entry.pending.deadline).min() else { return };
        let (publications, pending): (Vec<Publication>, Vec<Pending>) =
            entries.into_iter().map(|entry| (entry.publication, entry.pending)).unzip();
        let outcome = match timeout_at(deadline, self.attempt(publications)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no confirm within {} ms", self.settings.confirm_timeout.as_millis())),
        };
        match outcome {
            Ok(stored) => {
                pending.into_iter().zip(stored).for_each(|(pending, stored)| settle(pending, stored))
            }
            Err(reason) => {
                if let Some(session) = self.session.take() {
                    tokio::spawn(connection::close(session.connection));
                }
                pending.into_iter().for_each(|pending| pending.fail(&reason));
            }
        }
    }

    /// Publishes all and waits for all confirms: true if the queue has the message, false if it is full.
    ///
    /// # Errors
    /// The outcome is unknown, or a message reached no queue.
    async fn attempt(&mut self, publications: Vec<Publication>) -> Result<Vec<bool>, String> {
        let session = match self.session.take() {
            Some(session) if session.channel.status().connected() => session,
            _ => open(&self.settings).await?,
        };
        let session = self.session.insert(session);
        let mut confirms = Vec::new();
        for Publication { exchange, routing_key, properties, body } in publications {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let sent = session.channel.basic_publish(exchange, routing_key, options, &body, properties);
            confirms.push(sent.await.map_err(|e| e.to_string())?);
        }
        let (mut stored, mut returned) = (Vec::new(), false);
        for confirm in confirms {
            let confirmation = confirm.await.map_err(|e| e.to_string())?;
            stored.push(confirmation.is_ack());
            if confirmation == Confirmation::NotRequested {
                return Err("the channel does not send publisher confirms".into());
            }
            returned |= confirmation.take_message().is_some();
        }
        if !returned {
            self.is_missing = false;
            return Ok(stored);
        }
        let restored = topology::restore(&session.connection, &self.settings, REJECTED).await;
        match restored {
            Ok(()) => tracing::error!(
                "queue {REJECTED} did not exist and was declared again; what it contained is lost"
            ),
            Err(reason) if !self.is_missing => {
                self.is_missing = true;
                tracing::error!(
                    "queue {REJECTED} does not exist and cannot be declared again: {reason}; rejected events stay unacknowledged until `signalbox migrate` declares it"
                );
            }
            Err(_) => {}
        }
        Err(format!("queue {REJECTED} did not exist"))
    }
}

async fn open(settings: &Settings) -> Result<Session, String> {
    let connection = connection::open_for(settings, "reject").await.map_err(|e| e.to_string())?;
    let prepared = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok::<_, lapin::Error>(channel)
    };
    let channel = prepared.await.map_err(|e| e.to_string())?;
    Ok(Session { connection, channel })
}

fn settle(pending: Pending, is_stored: bool) {
    let to = pending.to.clone();
    pending.settle(if is_stored { Ok(()) } else { Err(BusError::Nacked { to }) });
}
