//! The gateway: records commands in the ledger and passes each new one to its participant.

use crate::bystander::Bystander;
use crate::ledger::Ledger;
use crate::wire::Command;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

pub struct Gateway {
    ledger: Arc<Ledger>,
    /// Answers the commands of others.
    bystander: Option<Bystander>,
    participants: Mutex<HashMap<String, mpsc::UnboundedSender<Command>>>,
}

impl Gateway {
    pub fn new(ledger: Arc<Ledger>, bystander: Option<Bystander>) -> Gateway {
        Gateway { ledger, bystander, participants: Mutex::default() }
    }

    /// Serves commands until the link is closed.
    pub async fn serve(&self, mut commands: mpsc::Receiver<Vec<u8>>) {
        while let Some(body) = commands.recv().await {
            let Some(command) = Command::read(&body) else { continue };
            if let Some(bystander) = self.bystander.as_ref().filter(|_| !self.ledger.knows(&command.subject))
            {
                bystander.take(&command);
            } else if self.ledger.receive(&command, &body)
                && let Some(participant) = self.participants().get(&command.subject)
            {
                // A participant that has just hung up receives nothing more.
                let _ = participant.send(command);
            }
        }
    }

    /// Commands for `subject` arrive here until it is dropped.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.participants().insert(subject.to_owned(), sender);
        receiver
    }

    pub fn forget(&self, subject: &str) {
        self.participants().remove(subject);
    }

    fn participants(&self) -> MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Command>>> {
        self.participants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
