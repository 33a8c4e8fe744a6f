//! The wrappers between the roles and their ports: they forward every call and record what happened, so that all services
//! are measured the same way.

use super::flows::KIND;
use super::run_log::RunLog;
use async_trait::async_trait;
use common::command::Message;
use common::ports::bus::{Confirm, Deliveries, Rejection};
use common::ports::intercepted::{Intercepted, Interceptor, Operation, Run};
use common::ports::upkeep::SweepReport;
use common::ports::work::{CommitOutcome, Disposition};
use common::ports::{Bus, StateStore};
use common::{ActiveflowId, StoreError};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Routing key prefix of the bench's commands, which keeps them away from real gateways.
pub const COMMANDS: &str = "signalbox-bench";

/// The state store as the roles see it.
pub type Store = Intercepted<Probe>;

/// Recorder of what the state store does.
pub struct Probe {
    inner: Arc<dyn StateStore>,
    log: RwLock<Option<Arc<RunLog>>>,
    /// Lateness of each wait that became an input, in microseconds.
    lateness: Mutex<Vec<u64>>,
}

/// The bus as the roles see it.
pub struct Rerouted(pub Arc<dyn Bus>);

impl Probe {
    pub fn new(inner: Arc<dyn StateStore>) -> Probe {
        Probe { inner, log: RwLock::default(), lateness: Mutex::default() }
    }

    /// Records into `log` from now on.
    pub fn record_into(&self, log: Option<Arc<RunLog>>) {
        *self.log.write().unwrap_or_else(PoisonError::into_inner) = log;
        self.late().clear();
    }

    /// Lateness in microseconds of the waits that became inputs since the last call.
    pub fn take_lateness(&self) -> Vec<u64> {
        std::mem::take(&mut self.late())
    }

    fn late(&self) -> MutexGuard<'_, Vec<u64>> {
        self.lateness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, write: impl FnOnce(&RunLog)) {
        if let Some(log) = &*self.log.read().unwrap_or_else(PoisonError::into_inner) {
            write(log);
        }
    }

    fn record(&self, operation: &Operation, answer: &dyn Any) {
        match operation {
            Operation::Deliver { .. } => self.note(RunLog::delivered),
            Operation::Commit { claim, after, .. } | Operation::Finish { claim, after, .. } => {
                if let Some(CommitOutcome::Released { .. }) = answer.downcast_ref() {
                    self.released(claim.id, after);
                }
            }
            Operation::Sweep { .. } => {
                if let Some(swept) = answer.downcast_ref::<SweepReport>() {
                    self.late().extend(&swept.late_us);
                }
            }
            _ => {}
        }
    }

    fn released(&self, id: ActiveflowId, after: &Disposition) {
        match after {
            Disposition::End { .. } => self.note(|log| log.ended(id)),
            Disposition::Park { .. } => self.note(|log| log.parked(id)),
            Disposition::KeepClaim | Disposition::Pause | Disposition::Yield => {}
        }
    }
}

#[async_trait]
impl Interceptor for Probe {
    fn store(&self) -> Arc<dyn StateStore> {
        self.inner.clone()
    }

    async fn call<T: Any + Send + Sync>(
        &self,
        operation: Arc<Operation>,
        run: Run<T>,
    ) -> Result<T, StoreError> {
        let answer = run(self.store(), operation.clone()).await?;
        self.record(&operation, &answer);
        Ok(answer)
    }
}

#[async_trait]
impl Bus for Rerouted {
    async fn consume(&self) -> Box<dyn Deliveries> {
        self.0.consume().await
    }

    fn publish_all(&self, mut commands: Vec<Message>) -> Vec<Confirm> {
        for message in commands.iter_mut().filter(|message| message.reference.starts_with(KIND)) {
            message.routing_key = format!("{COMMANDS}.{}", message.routing_key);
        }
        self.0.publish_all(commands)
    }

    fn announce(&self, message: Message) -> Confirm {
        self.0.announce(message)
    }

    fn reject(&self, rejection: Rejection) -> Confirm {
        self.0.reject(rejection)
    }

    fn is_up(&self) -> bool {
        self.0.is_up()
    }
}
