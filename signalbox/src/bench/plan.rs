//! The scope of the measurements, and the rule that a run must not lose anything.

use super::flows::Flow;
use super::harness::Commit;
use super::run_log::Faults;
use crate::failure::Failure;

/// Actions of a flow: a command's number must fit a bit of the log.
pub const MOST_STEPS: usize = 60;

/// Scope of the measurements.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Events of each measurement, where not its own default.
    pub events: Option<usize>,
    pub steps: usize,
    /// Only measurements of this kind of commit; the others with it.
    pub commit: Option<Commit>,
}

impl Plan {
    pub fn events(&self, default: usize) -> usize {
        self.events.unwrap_or(default)
    }

    pub fn commit(&self) -> Commit {
        self.commit.unwrap_or(Commit::Run)
    }
}

/// Rejects the figure of a run that lost something.
pub fn check_run(flow: Flow, faults: Faults) -> Result<(), Failure> {
    if faults == Faults::default() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "{} activeflows or commands of {flow:?} are missing and {} activeflows ended twice: this should not be; \
         `signalbox doctor` looks at the services",
        faults.lost, faults.doubled
    )))
}
