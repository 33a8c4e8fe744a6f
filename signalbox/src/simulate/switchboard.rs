//! The gateway: takes commands as they come, enters them in the ledger, and hands each that is new to the party it is for.

use super::ledger::Ledger;
use super::wire::Command;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

pub struct Switchboard {
    ledger: Arc<Ledger>,
    parties: Mutex<HashMap<String, mpsc::UnboundedSender<Command>>>,
}

impl Switchboard {
    pub fn new(ledger: Arc<Ledger>) -> Switchboard {
        Switchboard { ledger, parties: Mutex::default() }
    }

    /// Until the link is closed.
    pub async fn serve(&self, mut commands: mpsc::Receiver<Vec<u8>>) {
        while let Some(body) = commands.recv().await {
            let Some(command) = Command::read(&body) else { continue };
            if self.ledger.heard(&command, &body)
                && let Some(party) = self.parties().get(&command.subject)
            {
                // A party that has just hung up hears nothing more.
                let _ = party.send(command);
            }
        }
    }

    /// Commands for `subject` arrive here until it is dropped.
    pub fn mailbox(&self, subject: &str) -> mpsc::UnboundedReceiver<Command> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.parties().insert(subject.to_owned(), sender);
        receiver
    }

    pub fn forget(&self, subject: &str) {
        self.parties().remove(subject);
    }

    fn parties(&self) -> MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Command>>> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
