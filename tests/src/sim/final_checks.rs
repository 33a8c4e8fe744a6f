//! Checks of the whole history at its end, when no more faults are injected.

use super::promise::Promise;
use super::simulation::Simulation;
use super::{CALLS, Expected};
use crate::ledger::{Flow, Violation, verdict};

/// Whether every activeflow has ended, every event was taken and everything was announced.
pub fn is_finished(simulation: &Simulation) -> bool {
    let now = simulation.set_store_time();
    let rest = |audit: &mut super::audit::Audit| {
        audit.unfinished().is_empty()
            && audit.unannounced(now).is_empty()
            && audit.ends_missing_in_feed().is_empty()
    };
    simulation.audit(rest) && simulation.broker.waiting() == 0
}

/// Checks the promises that concern the whole history.
pub fn check(simulation: &Simulation, expected: &Expected) {
    let now = simulation.set_store_time();
    simulation.audit(|audit| {
        for (promise, left) in [
            (Promise::Finishes, audit.unfinished()),
            (Promise::Windows, audit.unannounced(now)),
            (Promise::Feed, audit.ends_missing_in_feed()),
            (Promise::Accepted, simulation.broker.rejected()),
        ] {
            audit.promises.check(promise, left.is_empty(), || format!("at the end: {}", left.join("; ")));
        }
        let waiting = simulation.broker.waiting();
        audit
            .promises
            .check(Promise::Accepted, waiting == 0, || format!("{waiting} events were never acknowledged"));
        audit
            .promises
            .check(Promise::Finishes, !expected.calls.is_empty(), || "the calls never ended".into());
        for (name, times) in &expected.deployed {
            let version = audit.version_of(name);
            audit.promises.check(Promise::Definitions, version == *times, || {
                format!("{name} was deployed {times} times and is at version {version}")
            });
        }
        simulation.broker.with_run_log(|run_log| {
            let flow = Flow::read(CALLS).unwrap_or_else(|error| panic!("the flow: {error}"));
            let verdict =
                verdict::judge(run_log, &flow, &expected.calls).unwrap_or_else(|error| panic!("{error}"));
            let mut broken = verdict.violations;
            broken.retain(|violation| counts(violation, expected));
            audit.promises.check(Promise::Story, true, String::new);
            for violation in broken {
                let promise = match violation {
                    Violation::CopiesDiffer { .. } => Promise::SameBytes,
                    Violation::Disordered { .. } => Promise::CommandOrder,
                    Violation::StartedTwice { .. } => Promise::StartedOnce,
                    _ => Promise::Story,
                };
                audit.promises.check(promise, false, || format!("{violation:?}"));
            }
            for (subject, messages) in &expected.messages {
                let answers = run_log.command_count(subject);
                audit.promises.check(Promise::Story, answers == *messages as usize, || {
                    format!("{subject}: {messages} messages to answer, {answers} answers")
                });
            }
        });
    });
}

/// Whether a violation counts: the ledger does not know the messages, and some activeflows were cut short.
fn counts(violation: &Violation, expected: &Expected) -> bool {
    match violation {
        Violation::Invented { subject, .. } => !expected.messages.contains_key(subject),
        // One that is cut short hangs up.
        Violation::Beyond { subject, ids } if ids.len() == 1 => !expected.cut_short.contains(subject),
        Violation::Lost { subject, .. } | Violation::Different { subject, .. } => {
            !expected.cut_short.contains(subject)
        }
        _ => true,
    }
}
